// rtbridge: the metrics that there are.
// SPDX-License-Identifier: Apache-2.0

/// A metric with its name, as Prometheus wants it ("Metric and label naming": a prefix, a unit, `_total` for counters).
public struct MetricFamily: Sendable, Hashable {
    public enum Kind: String, Sendable { case counter, gauge }

    public let name: String
    public let kind: Kind
    public let help: String

    private init(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }

    static let workers = MetricFamily("rtbridge_workers", .gauge, "Event loops.")
    static let ready = MetricFamily("rtbridge_ready", .gauge, "Whether /readyz says so.")
    static let draining = MetricFamily("rtbridge_draining", .gauge, "Whether the process is on its way out.")
    static let active = MetricFamily("rtbridge_requests_active", .gauge, "Calls and sessions under way.")
    static let requests = MetricFamily(
        "rtbridge_requests_total", .counter, "Calls and sessions that are over, by how they ended.")
    static let timeouts = MetricFamily(
        "rtbridge_timeouts_total", .counter, "Time-outs that fired in calls and sessions, by the key that sets them.")
    static let receivedBytes = MetricFamily(
        "rtbridge_received_bytes_total", .counter, "Body bytes from clients, of calls and sessions that are over.")
    static let sentBytes = MetricFamily(
        "rtbridge_sent_bytes_total", .counter, "Body bytes to clients, of calls and sessions that are over.")
    static let droppedMessages = MetricFamily(
        "rtbridge_dropped_messages_total", .counter, "Datagrams and messages that were dropped.")
    static let retries = MetricFamily("rtbridge_retries_total", .counter, "Attempts after the first (retryPolicy).")
    static let transparentRetries = MetricFamily(
        "rtbridge_transparent_retries_total", .counter, "Calls begun anew that no application had seen.")
    static let retriesRefused = MetricFamily(
        "rtbridge_retries_refused_total", .counter, "Failed attempts with no other after them, by the reason.")
    static let losses = MetricFamily(
        "rtbridge_back_losses_total", .counter, "Back-end connections that sessions with reconnect have lost.")
    static let redials = MetricFamily(
        "rtbridge_reconnect_attempts_total", .counter, "Attempts to reach a back-end again (reconnect).")
    static let reconnects = MetricFamily(
        "rtbridge_reconnects_total", .counter, "Sessions that got a new back-end connection.")
    static let connects = MetricFamily(
        "rtbridge_connects_total", .counter, "Attempts to connect to an endpoint, by how they ended.")
    static let ejections = MetricFamily(
        "rtbridge_ejections_total", .counter, "Endpoints left out for their failures (outlierDetection).")
    static let healthChanges = MetricFamily(
        "rtbridge_health_changes_total", .counter, "Changes of an endpoint's health, by the new state (healthCheck).")
    static let unhealthyWorkers = MetricFamily(
        "rtbridge_endpoint_unhealthy_workers", .gauge, "Workers whose checks find the endpoint unhealthy.")
    static let connections = MetricFamily(
        "rtbridge_connections_total", .counter, "Connections of clients, and sessions of udp listeners.")
    static let refusedConnections = MetricFamily(
        "rtbridge_connections_refused_total", .counter, "Connections closed at once (limits.maxConnections).")
    static let droppedDatagrams = MetricFamily(
        "rtbridge_listener_dropped_datagrams_total", .counter,
        "Datagrams of udp listeners that belong to no session, or could not be sent, by the reason.")
    static let listenerTimeouts = MetricFamily(
        "rtbridge_listener_timeouts_total", .counter, "Time-outs that ended connections, by the key that sets them.")
    static let heldBytes = MetricFamily(
        "rtbridge_held_bytes", .gauge, "Bytes of clients kept for retries and for back-ends that are away.")
    static let heldRefused = MetricFamily(
        "rtbridge_held_refused_total", .counter, "Times that the bound on kept bytes was reached.")
}
