// rtbridge: reading the TLS options of a back-end.
// SPDX-License-Identifier: Apache-2.0

extension Kind where Value == BackendTLS {
    static var backendTLS: Kind {
        let synonyms = [
            "sni": "serverName", "hostname": "serverName", "ca": "caFile", "cert": "certFile", "key": "keyFile",
            "certificates": "certFile", "insecure": "verify",
        ]
        return .object(synonyms: synonyms) { o in
            var tls = BackendTLS()
            tls.serverName = o.optional("serverName", as: .parsed(MatchText.hostOrAddress))
            tls.caFile = o.optional("caFile", as: .readableFile)
            let certFile = o.optional("certFile", as: .readableFile)
            let keyFile = o.optional("keyFile", as: .readableFile)
            o.read("verify", into: &tls.verify, as: .flag)
            if o.has("certFile"), !o.has("keyFile") {
                o.refuse("certFile", "a certificate without its key", hint: "Write \"keyFile\" as well.")
            }
            if o.has("keyFile"), !o.has("certFile") {
                o.refuse("keyFile", "a key without its certificate", hint: "Write \"certFile\" as well.")
            }
            if !tls.verify, o.has("caFile") {
                o.refuse("caFile", "has no effect with verify false", hint: "Remove one of the two.")
            }
            if let certFile, let keyFile { tls.certificate = .init(certFile: certFile, keyFile: keyFile) }
            return tls
        }
    }
}
