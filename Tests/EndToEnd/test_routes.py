# rtbridge: the files of Routes/, and what the README says of them, are what the program takes.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import subprocess

import pytest

from support.bridge import TOP, binary
from support.waiting import DEADLINE

ROUTES = sorted(path for path in (TOP / "Routes").glob("*.json") if path.name != "routes.schema.json")
DOCUMENTS = ["README.md", "Docker/README.md"]


@pytest.fixture
def check(certificates):
    """check(path): fails unless `rtbridge check` takes the file, without a warning."""
    def run(path):
        environment = {
            **os.environ, "RTBRIDGE_CERT": certificates.cert, "RTBRIDGE_KEY": certificates.key,
            "RTBRIDGE_CA": certificates.ca,
            "GREETER": "greeter.internal:50051", "RTBRIDGE_DEMO_PORT": "0", "RTBRIDGE_DEMO_GREETER": "127.0.0.1:50051",
            "RTBRIDGE_DEMO_CHAT": "127.0.0.1:9001", "RTBRIDGE_DEMO_TELEMETRY": "127.0.0.1:9002",
            "RTBRIDGE_DEMO_CONTROL": "127.0.0.1:9003",
        }
        result = subprocess.run([binary(), "check", "--config", path], capture_output=True, text=True,
                                timeout=DEADLINE, env=environment)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return run


# Routes/

@pytest.mark.parametrize("path", ROUTES, ids=lambda path: path.name)
def test_a_file_of_routes_is_taken_without_a_word(check, path):
    check(path)


def test_there_are_files_to_check():
    assert {"minimal.json", "demo.json", "grpc-web.json", "grpc.json", "websocket-tcp.json", "websocket-udp.json",
            "cors.json", "certificates.json", "health.json", "reconnect-close.json", "reconnect-notify.json",
            "reconnect-resume.json"} <= {path.name for path in ROUTES}


@pytest.mark.parametrize("path", ROUTES, ids=lambda path: path.name)
def test_a_file_of_routes_names_the_schema_and_says_what_it_is_for(path):
    config = json.loads(path.read_text())
    assert config["$schema"] == "./routes.schema.json"
    assert config.get("//") or path.name == "minimal.json"


@pytest.mark.parametrize("path", ROUTES, ids=lambda path: path.name)
def test_the_readme_names_every_file_of_routes(path):
    assert any(f"Routes/{path.name}" in (TOP / name).read_text() for name in DOCUMENTS)


# Fenced blocks.

def blocks(name, *languages):
    """[(the text before the block, its content)] of a Markdown file's fenced blocks."""
    text = (TOP / name).read_text()
    found = []
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if match[1] in languages:
            found.append((text[:match.start()], match[2]))
    return found


def all_blocks(*languages):
    return [pytest.param(*block, id=f"{name}:{block[0].count(chr(10)) + 1}")
            for name in DOCUMENTS for block in blocks(name, *languages)]


@pytest.mark.parametrize("before, content", all_blocks("json"))
def test_a_configuration_in_a_document_is_taken_and_is_that_of_its_file(check, tmp_path, before, content):
    path = tmp_path / "routes.json"
    path.write_text(content)
    check(path)
    # The paragraph before the block links the file that it shows.
    paragraph = before.rstrip().rpartition("\n\n")[2]
    links = re.findall(r"\]\((?:\.\./)?(Routes/[\w-]+\.json)\)", paragraph)
    assert links, f"which file of Routes/ is this? {paragraph!r}"
    assert content == (TOP / links[-1]).read_text()


@pytest.mark.parametrize("before, content", all_blocks("python"))
def test_a_python_program_in_a_document_compiles(before, content):
    compile(content, "block", "exec")


@pytest.mark.parametrize("before, content", all_blocks("sh"))
def test_a_shell_recipe_in_a_document_is_well_formed(before, content):
    result = subprocess.run(["bash", "-n"], input=content, capture_output=True, text=True, timeout=DEADLINE)
    assert (result.returncode, result.stderr) == (0, "")


def anchors(path):
    """What GitHub makes of the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_of_a_document_lead_somewhere(name):
    path = TOP / name
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


# The reference of the configuration.

def schema_keys():
    """{path: the key's schema}: `listeners.NAME.tls.minVersion`, `routes[].backend`, …"""
    schema = json.loads((TOP / "Routes" / "routes.schema.json").read_text())
    keys = {}

    def resolved(node):
        if "$ref" not in node:
            return node
        return {**schema["$defs"][node["$ref"].rpartition("/")[2]], **{k: v for k, v in node.items() if k != "$ref"}}

    def walk(node, path):
        node = resolved(node)
        for variant in [node, *map(resolved, node.get("anyOf", []))]:
            for name, value in variant.get("properties", {}).items():
                key = f"{path}.{name}" if path else name
                keys[key] = {**resolved(value), "required": name in variant.get("required", [])}
                # A back-end that stands in a route has the keys of one in `backends`.
                if key != "routes[].backend" and not is_reserved(keys[key]):
                    walk(value, key)
            if isinstance(variant.get("additionalProperties"), dict) and path in ("listeners", "backends"):
                walk(variant["additionalProperties"], f"{path}.NAME")
            if isinstance(variant.get("items"), dict):
                walk(variant["items"], f"{path}[]")

    walk(schema, "")
    assert len(keys) > 80
    return keys


def is_reserved(key):
    return key["description"].startswith("Not supported yet")


def readme_keys():
    """{path: the cells of its row}, from the tables under headings that are paths."""
    section = (TOP / "README.md").read_text().partition("\n## Configuration\n")[2].partition("\n## ")[0]
    rows = {}
    for heading, body in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL):
        prefix = heading[1:-1] + "." if heading.startswith("`") else ""
        for row in re.findall(r"^\| (`.*) \|$", body, re.MULTILINE):
            cells = re.split(r"\s*\|\s*", row)
            path = prefix + cells[0].strip("`")
            assert path not in rows, f"{path} has two rows"
            rows[path] = cells
    return rows


def test_the_readme_explains_every_key_of_the_schema_and_no_other():
    assert sorted(readme_keys()) == sorted(schema_keys())


def test_the_readme_s_defaults_are_those_of_the_schema():
    rows = readme_keys()
    for path, key in schema_keys().items():
        cells = rows[path]
        if is_reserved(key):
            assert len(cells) == 2, f"{path}: a row of the reserved keys says what is taken"
            continue
        assert len(cells) == 4 and cells[1] and cells[3], f"{path}: a row has key, type, default and meaning"
        assert ("required" in cells[1]) == key["required"], path
        assert cells[2] == (f"`{json.dumps(key['default'])}`" if "default" in key else ""), path


def test_the_reserved_values_of_the_readme_are_taken(check, tmp_path):
    config = {"listeners": {"public": {"address": "127.0.0.1:0", "tls": {"development": True}, "limits": {}}},
              "routes": [{"match": {"protocol": "grpc-web"}, "backend": "grpc://127.0.0.1:50051", "grpcWeb": {}}]}
    for path, cells in readme_keys().items():
        if len(cells) != 2:
            continue
        *parents, last = path.replace("NAME", "public").replace("[]", ".0").split(".")
        place = config
        for parent in parents:
            place = place[int(parent) if isinstance(place, list) else parent]
        place[last] = json.loads(cells[1].strip("`"))
    path = tmp_path / "routes.json"
    path.write_text(json.dumps(config))
    check(path)
