// rtbridge: the JSON Schema of a configuration file.
// SPDX-License-Identifier: Apache-2.0

public enum ConfigSchema {
    /// A JSON Schema (draft 2020-12) of what this build reads: `Routes/routes.schema.json`, byte for byte.
    public static var text: String { String(decoding: PackageResources.routes_schema_json, as: UTF8.self) }
}
