// rtbridge: a stand-in for the network.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Opens a connection that has `handler` in its pipeline, in place of a socket: for back-ends in memory.
package typealias ChannelOpener = (_ handler: any ChannelHandler) -> any Channel
