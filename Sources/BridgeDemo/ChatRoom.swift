// rtbridge: who is in the demo's chat, and what each line leads to.
// SPDX-License-Identifier: Apache-2.0

/// The rules of the chat, without I/O: members join, say lines and leave; each call returns what is to be sent.
struct ChatRoom {
    /// What is to be done, in order.
    enum Effect: Equatable {
        case tell(Member, String)
        case tellAll(String)
        /// Close the member's connection once what it was told is out, and tell it no more.
        case close(Member)
    }

    typealias Member = Int

    static let maximumMembers = 64
    static let maximumNick = 24

    private struct Person {
        var nick: String
        /// Who said nothing comes and goes unnoticed: a health check is no guest.
        var hasSpoken = false
    }

    private var people: [Member: Person] = [:]
    private var lastMember = 0

    /// - Returns: nil if the room is full.
    mutating func join() -> (member: Member, effects: [Effect])? {
        guard people.count < Self.maximumMembers else { return nil }
        lastMember += 1
        let nick = freeNick()
        let others = people.isEmpty ? "nobody else is here" : "\(people.count) more here"
        people[lastMember] = Person(nick: nick)
        let welcome = "Welcome to the line chat, \(nick): \(others). /nick NAME renames you, /quit leaves."
        return (lastMember, [.tell(lastMember, welcome)])
    }

    mutating func say(_ line: String, by member: Member) -> [Effect] {
        guard let nick = people[member]?.nick else { return [] }
        let words = line.split(separator: " ", maxSplits: 1)
        guard let first = words.first else { return [] }
        people[member]?.hasSpoken = true
        switch first {
        case "/quit":
            return [.tell(member, "* goodbye, \(nick)"), .close(member)] + leave(member)
        case "/nick":
            return rename(member, from: nick, to: words.count > 1 ? String(words[1]) : "")
        case _ where first.hasPrefix("/"):
            return [.tell(member, "* there is no \(first): try /nick NAME or /quit")]
        case _:
            return [.tellAll("\(nick): \(line)")]
        }
    }

    /// A line was longer than ``LineSplitter/maximumLine`` and was dropped.
    func sayTooLong(by member: Member) -> [Effect] {
        [.tell(member, "* that line had more than \(LineSplitter.maximumLine) bytes and was dropped")]
    }

    mutating func leave(_ member: Member) -> [Effect] {
        guard let person = people.removeValue(forKey: member), person.hasSpoken else { return [] }
        return [.tellAll("* \(person.nick) has left")]
    }

    private mutating func rename(_ member: Member, from nick: String, to wanted: String) -> [Effect] {
        let allowed = wanted.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || ("0"..."9").contains($0) || "-_.".unicodeScalars.contains($0)
        }
        guard !wanted.isEmpty, allowed, wanted.unicodeScalars.count <= Self.maximumNick else {
            return [.tell(member, "* a name has 1 to \(Self.maximumNick) letters, digits, dots or dashes")]
        }
        guard !isTaken(wanted) else { return [.tell(member, "* \(wanted) is taken")] }
        people[member]?.nick = wanted
        return [.tellAll("* \(nick) is now \(wanted)")]
    }

    private func isTaken(_ nick: String) -> Bool { people.values.contains { $0.nick == nick } }

    /// The first of guest-1, guest-2, … that nobody has. One of so many is free, since there are fewer people.
    private func freeNick() -> String {
        var number = 1
        while isTaken("guest-\(number)") { number += 1 }
        return "guest-\(number)"
    }
}
