// rtbridge: the playground: every section of the page is started here.
// SPDX-License-Identifier: Apache-2.0

import { startControl } from "./control.js";
import { showTransport } from "./flow.js";
import { startHealth } from "./health.js";
import { startErrors, startStream } from "./stream.js";
import { startStreams } from "./streams.js";
import { startTCP } from "./tcp.js";
import { startUDP } from "./udp.js";
import { startUnary } from "./unary.js";

showTransport();
startUnary();
startStream();
startErrors();
startStreams();
startTCP();
startUDP();
startControl();
startHealth();
document.documentElement.dataset.ready = "yes";
