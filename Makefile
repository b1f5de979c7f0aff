# rtbridge: the commands of every day. What they do is in .ci/ and Package.swift.
# SPDX-License-Identifier: Apache-2.0

RELEASE = .build/release/rtbridge

.PHONY: build run test instructions bench load format

## The release binary: $(RELEASE). The flags and what they bring are measured, see the benchmarks.
## PRODUCT names another executable.
build:
	@.ci/install-build
	swift build -c release -Xswiftc -enforce-exclusivity=unchecked --static-swift-stdlib --product $(or $(PRODUCT),rtbridge)

## The demo: back-ends, the bridge in front of them, and a page to open.
run: build
	@exec $(RELEASE) demo

## Unit tests, one at a time, since some watch real sockets; then the tests with real processes. PYTEST_ARGS narrows the
## latter, RTBRIDGE names another binary.
test:
	@.ci/install-test
	swift build --build-tests
	swift test --skip-build --no-parallel
	.venv/bin/python -m pytest Tests/EndToEnd $(PYTEST_ARGS)

## Instructions and allocations per request against the figures in git; fails when they grow by more than 5 %.
## INSTRUCTIONS_ARGS=--record records them: see Tests/Instructions/gate.py --help.
instructions:
	@.ci/instructions $(INSTRUCTIONS_ARGS)

## CPU time per request against the peers, in one run: some thirteen minutes. QUICK=1: some two, and rougher. JOBS=web-h2,ws:
## some of the jobs; JOBS=scale: many sessions, streams and routes. BENCH_ARGS="--json FILE --svg FILE": see
## Tests/Benchmarks/compare.py --help.
bench: build
	@.ci/install-bench
	@.venv/bin/python Tests/Benchmarks/compare.py $(BENCH_ARGS)

## The load generator by itself: .build/rtbridge-load, see its --help.
load:
	@.ci/install-build
	@mkdir -p .build
	cc -std=gnu11 -O2 -o .build/rtbridge-load Tests/Benchmarks/load/*.c -lssl -lcrypto -lnghttp2 -lz -lm

format:
	swift format -i --parallel --recursive Sources Tests Package.swift
