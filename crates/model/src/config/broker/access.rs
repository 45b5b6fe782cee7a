//! Who may do what, and delegation tokens.

use crate::config::key::{ConfigKey, class, long, password, string};

#[rustfmt::skip] // a table, a key a line
pub(super) const KEYS: &[ConfigKey] = &[
    string("authorizer.class.name").default("").refused("access control is not there yet, and to ignore it would leave the server open; remove it, and let only those in whom you trust", "The class that decides who may do what."),
    class("principal.builder.class").default("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder").dynamic().later("authentication", "The class that names who is at the other end of a connection."),
    string("security.providers").without_effect("there is no Java here", "Java security providers."),
    password("delegation.token.secret.key").later("delegation tokens", "The secret that delegation tokens are signed with."),
    long("delegation.token.max.lifetime.ms").default("604800000").at_least(1).later("delegation tokens", "A delegation token lives at most this long, however often it is renewed."),
    long("delegation.token.expiry.time.ms").default("86400000").at_least(1).later("delegation tokens", "A delegation token that is not renewed expires after this long."),
    long("delegation.token.expiry.check.interval.ms").default("3600000").at_least(1).later("delegation tokens", "Time between searches for expired delegation tokens."),
];
