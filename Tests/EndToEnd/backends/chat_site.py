# rtbridge: a site with a chat as Django Channels' own tutorial has it, under daphne.
# SPDX-License-Identifier: Apache-2.0
"""Usage: daphne -e tcp:PORT:interface=127.0.0.1 chat_site:application

`/login/` sets a session cookie, `/room/` is a page that talks; `ws/chat/<room>/` is a chat room for those that have one: a JSON text message
{"message": …} goes to all in the room. On connecting it says what it saw of the request.
"""

import json

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path, re_path

settings.configure(
    SECRET_KEY="for tests alone", ALLOWED_HOSTS=["chat.example", "127.0.0.1"], ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}})
django.setup()


def login(request):
    request.session["name"] = request.GET["name"]
    return HttpResponse("welcome")


PAGE = """<!doctype html><title>chat</title><p id="state">connecting</p><input id="text"><pre id="log"></pre><script>
const socket = new WebSocket(`wss://${location.host}/ws/chat/ROOM/`);
const show = (text) => { document.querySelector("#log").textContent += text + "\\n"; };
socket.onopen = () => { document.querySelector("#state").textContent = "open " + socket.extensions; };
socket.onclose = (event) => { document.querySelector("#state").textContent = "closed " + event.code; };
socket.onmessage = ({ data }) => { const seen = JSON.parse(data); show(seen.message ?? `hello ${seen.hello} ${seen.origin}`); };
const say = (message) => socket.send(JSON.stringify({ message }));
</script>"""


def page(request, room):
    return HttpResponse(PAGE.replace("ROOM", room))


urlpatterns = [path("login/", login), path("room/<slug:room>/", page)]


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.name = self.scope["session"].get("name")
        if self.name is None:
            await self.close()    # before accept(): daphne answers the handshake with 403
            return
        self.group = "chat_" + self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        offered = self.scope["subprotocols"]
        await self.accept(subprotocol="chat.v1" if "chat.v1" in offered else None)
        headers = {name.decode(): value.decode() for name, value in self.scope["headers"]}
        seen = {key: headers.get(key) for key in ("host", "origin", "x-forwarded-for", "x-forwarded-proto")}
        await self.send(json.dumps({"hello": self.name, "query": self.scope["query_string"].decode(), **seen}))

    async def disconnect(self, code):
        print("DISCONNECT", self.name, code, flush=True)
        if self.name is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        if text_data is None:
            await self.send(bytes_data=bytes_data)
        elif (message := json.loads(text_data)["message"]) == "/quit":
            await self.close(4000)
        else:
            event = {"type": "chat.message", "message": f"{self.name}: {message}"}
            await self.channel_layer.group_send(self.group, event)

    async def chat_message(self, event):
        await self.send(json.dumps({"message": event["message"]}))


application = ProtocolTypeRouter({
    "http": get_asgi_application(),
    "websocket": AllowedHostsOriginValidator(SessionMiddlewareStack(URLRouter([
        re_path(r"ws/chat/(?P<room>\w+)/$", ChatConsumer.as_asgi())]))),
})
