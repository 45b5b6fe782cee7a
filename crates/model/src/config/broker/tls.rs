//! TLS.

use crate::config::key::{ConfigKey, Valid, boolean, class, list, password, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    boolean("ssl.allow.dn.changes").default("false").later("TLS", "A new keystore may have another distinguished name."),
    boolean("ssl.allow.san.changes").default("false").later("TLS", "A new keystore may have other alternative names."),
    list("ssl.cipher.suites").default("").dynamic().later("TLS", "The cipher suites that are used; all good ones when empty."),
    string("ssl.client.auth").default("none").valid(Valid::OneOf(&["required", "requested", "none"])).dynamic().later("TLS", "Whether clients must show a certificate: required, requested or none."),
    list("ssl.enabled.protocols").default("TLSv1.2,TLSv1.3").dynamic().later("TLS", "The versions of TLS that are used."),
    string("ssl.endpoint.identification.algorithm").default("https").dynamic().later("TLS", "How the name in another server's certificate is checked."),
    class("ssl.engine.factory.class").dynamic().without_effect("there is no Java here", "The class that makes TLS engines."),
    password("ssl.key.password").dynamic().later("TLS", "The password of the private key."),
    string("ssl.keymanager.algorithm").default("SunX509").dynamic().without_effect("there is no Java here", "The algorithm of Java's key manager."),
    password("ssl.keystore.certificate.chain").dynamic().later("TLS", "The certificates of this server, in PEM."),
    password("ssl.keystore.key").dynamic().later("TLS", "The private key of this server, in PEM."),
    string("ssl.keystore.location").dynamic().later("TLS", "The file with key and certificates of this server."),
    password("ssl.keystore.password").dynamic().later("TLS", "The password of that file."),
    string("ssl.keystore.type").default("JKS").dynamic().later("TLS", "The format of that file."),
    string("ssl.principal.mapping.rules").default("DEFAULT").later("TLS", "How a certificate's distinguished name becomes a principal."),
    string("ssl.protocol").default("TLSv1.3").dynamic().later("TLS", "The newest version of TLS that is used."),
    string("ssl.provider").dynamic().without_effect("there is no Java here", "Java's security provider for TLS."),
    string("ssl.secure.random.implementation").dynamic().without_effect("there is no Java here", "Java's source of random numbers for TLS."),
    string("ssl.trustmanager.algorithm").default("PKIX").dynamic().without_effect("there is no Java here", "The algorithm of Java's trust manager."),
    password("ssl.truststore.certificates").dynamic().later("TLS", "The certificates that are trusted, in PEM."),
    string("ssl.truststore.location").dynamic().later("TLS", "The file with the certificates that are trusted."),
    password("ssl.truststore.password").dynamic().later("TLS", "The password of that file."),
    string("ssl.truststore.type").default("JKS").dynamic().later("TLS", "The format of that file."),
];
