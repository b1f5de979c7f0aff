// rtbridge: what is said of wrong routes.
// SPDX-License-Identifier: Apache-2.0

import Testing

struct RouteProblemTests {
    static let wrongRoutes: [Case] = [
        Case(
            #""#,
            #"""
            f:5:16: routes[0].backend: is missing
              Write for example "backend": "grpc://127.0.0.1:50051".
            """#),
        Case(
            #""backend": "c""#,
            #"""
            f:6:12: routes[0].backend: "c" is not the name of a back-end
              Known: "b".
            """#),
        Case(
            #""backend": "bb""#,
            #"""
            f:6:12: routes[0].backend: "bb" is not the name of a back-end
              Known: "b".
            """#),
        Case(
            #""backend": "127.0.0.1:1""#,
            #"""
            f:6:12: routes[0].backend: "127.0.0.1:1" has no scheme
              Write "grpc://127.0.0.1:1", or tcp://, udp://, ws:// or http://.
            """#),
        Case(
            #""backend": 5"#,
            #"""
            f:6:12: routes[0].backend: expected a back-end, found the number 5
              Write a URL ("grpc://127.0.0.1:50051") or a name in "backends".
            """#),
        Case(
            #""backend": "grpc://a""#,
            #"""
            f:6:12: routes[0].backend: "grpc://a" has no port
              Write for example "grpc://127.0.0.1:50051".
            """#),
        Case(
            #""backend": {"protocol": "udp"}"#,
            #"""
            f:6:12: routes[0].backend.endpoints: is missing
              Write for example "endpoints": ["10.0.0.11:50051"].
            """#),
        Case(
            #""backend": "b", "match": {"protocol": "grpc"}"#,
            #"""
            f:6:39: routes[0].match.protocol: grpc does not fit the back-end "b", which speaks tcp
              grpc-web and grpc go to grpc; websocket goes to tcp, udp or websocket; sse goes to tcp, udp or grpc; http goes to http; tcp goes to tcp; udp goes to udp.
            """#),
        Case(
            #""backend": {"protocol": "grpc", "endpoints": ["a:1"]}, "match": {"protocol": ["grpc", "websocket"]}"#,
            #"""
            f:6:78: routes[0].match.protocol: websocket does not fit the back-end here, which speaks grpc
              grpc-web and grpc go to grpc; websocket goes to tcp, udp or websocket; sse goes to tcp, udp or grpc; http goes to http; tcp goes to tcp; udp goes to udp.
            """#),
        Case(
            #""backend": "b", "match": {"protocol": "grpcweb"}"#,
            #"""
            f:6:39: routes[0].match.protocol: "grpcweb" is not known here
              Did you mean "grpc-web"? Known: "grpc-web", "grpc", "websocket", "sse", "http", "tcp", "udp".
            """#),
        Case(
            #""backend": "b", "match": {"protocol": []}"#,
            #"""
            f:6:39: routes[0].match.protocol: the list is empty
              Write at least one entry.
            """#),
        Case(
            #""backend": "b", "match": {"listener": "k", "host": "a:1", "path": "x", "pathPrefix": "/y?"}"#,
            #"""
            f:6:39: routes[0].match.listener: "k" is not the name of a listener
              Known: "l".
            f:6:52: routes[0].match.host: "a:1" has a port in it
              A host is matched without its port. Write for example "api.example.com" or "*.example.com".
            f:6:67: routes[0].match.path: "x" does not begin with /
              Write "/x".
            f:6:86: routes[0].match.pathPrefix: "/y?" has a query or fragment in it
              Write the path alone.
            f:6:86: routes[0].match.pathPrefix: path and pathPrefix stand together
              Keep one of the two.
            """#),
        Case(
            #""backend": "b", "match": {"path": "/x", "pathPrefix": "/y"}"#,
            #"""
            f:6:55: routes[0].match.pathPrefix: path and pathPrefix stand together
              Keep one of the two.
            """#),
        Case(
            #""backend": "b", "match": {"service": "a.B"}"#,
            #"""
            f:6:38: routes[0].match.service: only gRPC calls have a service
              Match by path or pathPrefix.
            """#),
        Case(
            #""backend": "grpc://a:1", "match": {"method": "B"}"#,
            #"""
            f:6:46: routes[0].match.method: a method without its service
              Write "service" as well.
            """#),
        Case(
            #""backend": "grpc://a:1", "match": {"method": "/B", "service": "a.B/C"}"#,
            #"""
            f:6:46: routes[0].match.method: "/B" is no name of a gRPC method
              Write for example "SayHello", or "*" for all.
            f:6:63: routes[0].match.service: "a.B/C" has a / in it
              Write for example "helloworld.Greeter". The method has a key of its own.
            """#),
        Case(
            #""backend": "grpc://a:1", "match": {"headers": {"a b": "1", "x": 1, "Y": "1", "y": "2"}}"#,
            #"""
            f:6:55: routes[0].match.headers["a b"]: "a b" is no name of a header field
              Write for example "x-tenant".
            f:6:65: routes[0].match.headers.x: expected a string, found the number 1
              Write it in double quotes.
            f:6:83: routes[0].match.headers.y: "y" is written twice, for case does not matter
            """#),
        Case(
            #""backend": "b", "name": """#,
            #"""
            f:6:25: routes[0].name: is empty
              Leave the key out to have a name made.
            """#),
        Case(
            #""backend": "b", "name": "x"}, {"name": "x", "backend": "b", "match": {"path": "/"}"#,
            #"""
            f:6:40: routes[1].name: "x" is the name of another route
              It stands at 6:25.
            """#),
    ]

    @Test(arguments: wrongRoutes)
    func aWrongRouteIsReportedWhereItIsWrong(_ wrong: Case) {
        #expect(complaints(document(route: wrong.text)).joined(separator: "\n") == wrong.problems)
    }
}
