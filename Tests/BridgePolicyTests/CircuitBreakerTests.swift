// rtbridge: limits that name themselves.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct CircuitBreakerTests {
    @Test(arguments: [
        (CircuitBreaker.Resource.connection, "circuitBreaker.maxConnections"),
        (.pendingRequest, "circuitBreaker.maxPendingRequests"), (.request, "circuitBreaker.maxRequests"),
    ])
    func whatIsFullSaysSoAndTakesNothing(_ resource: CircuitBreaker.Resource, _ key: String) {
        var limits = BreakerLimits()
        (limits.maxConnections, limits.maxPendingRequests, limits.maxRequests) = (2, 2, 2)
        let breaker = CircuitBreaker(limits)
        #expect(breaker.enter(resource) == nil && breaker.enter(resource) == nil)
        for _ in 0..<5 { #expect(breaker.enter(resource)?.contains(key) == true && !breaker.hasRoom(resource)) }
        breaker.leave(resource)
        #expect(breaker.hasRoom(resource) && breaker.enter(resource) == nil && breaker.enter(resource) != nil)
    }
}
