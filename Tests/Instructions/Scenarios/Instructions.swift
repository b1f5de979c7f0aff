// rtbridge: runs one scenario, for gate.py to count.
// SPDX-License-Identifier: Apache-2.0

@main
enum Instructions {
    static let scenarios =
        CodecScenarios.all + SessionScenarios.all + GRPCScenarios.all + HTTPScenarios.all + WebSocketScenarios.all
        + DeflateScenarios.all + TLSScenarios.all

    /// Without an argument: the scenarios' names and iterations. With one: runs the scenario of this name.
    static func main() throws {
        guard let name = CommandLine.arguments.dropFirst().first else {
            for scenario in scenarios { print(scenario.name, scenario.iterations) }
            return
        }
        guard let scenario = scenarios.first(where: { $0.name == name }) else {
            throw NotAsExpected(description: "no scenario is called \(name)")
        }
        try scenario.run()
    }
}
