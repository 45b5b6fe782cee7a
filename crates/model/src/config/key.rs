//! What is known of one config key. A table line reads `int("num.partitions").default("1").at_least(1).works("…")`.

/// What a value is, with the number DescribeConfigs gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// A whole number of 32 bits.
    Int = 3,
    /// A whole number of 16 bits.
    Short = 4,
    /// A whole number of 64 bits.
    Long = 5,
    /// A number that may have a fraction.
    Double = 6,
    /// Texts, separated by commas.
    List = 7,
    /// The name of a Java class.
    Class = 8,
    /// Text that is never shown.
    Password = 9,
}

impl ConfigType {
    /// Kafka's word for it, such as `int`.
    pub const fn name(self) -> &'static str {
        match self {
            ConfigType::Boolean => "boolean",
            ConfigType::String => "string",
            ConfigType::Int => "int",
            ConfigType::Short => "short",
            ConfigType::Long => "long",
            ConfigType::Double => "double",
            ConfigType::List => "list",
            ConfigType::Class => "class",
            ConfigType::Password => "password",
        }
    }
}

/// What a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `server.properties`, and brokers in DescribeConfigs.
    Broker,
    /// A topic.
    Topic,
}

/// Which values a key takes, beyond what its type says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Valid {
    /// All of its type.
    Any,
    /// Numbers from here on.
    AtLeast(i64),
    /// Numbers from the first to the second, both included.
    Between(i64, i64),
    /// -1 for the codec's own default, or a number from the first to the second.
    DefaultOrBetween(i64, i64),
    /// Fractions from the first to the second, both included.
    Fraction(f64, f64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts, in whatever case.
    OneOfIgnoringCase(&'static [&'static str]),
    /// A list of nothing but these.
    EachOf(&'static [&'static str]),
    /// A list of nothing but these, and not empty.
    SomeOf(&'static [&'static str]),
    /// Not the empty text.
    NotEmpty,
    /// `partition:broker` pairs, or `*`.
    ThrottledReplicas,
}

/// What setting a key does in Thalweg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What Kafka's documents say.
    Works,
    /// Nothing; accepted, with this reason in one line at start.
    None(&'static str),
    /// Nothing yet; accepted, with this in one line at start: what has to be built first.
    Later(&'static str),
    /// To ignore it would be a danger: any value but the default is refused, with this reason.
    Refused(&'static str),
}

/// A broker key whose value a topic takes when it has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The broker key.
    pub name: &'static str,
    /// Milliseconds in one unit of the broker key, where the two count time in different units; else 1.
    pub scale: i64,
}

/// One config key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigKey {
    /// Such as `log.retention.hours`.
    pub name: &'static str,
    /// What it belongs to.
    pub scope: Scope,
    /// What its values are.
    pub kind: ConfigType,
    /// The value, as text, when nobody sets one.
    pub default: Option<&'static str>,
    /// Which values it takes.
    pub valid: Valid,
    /// It can change while the broker runs. What cannot is `read only` in DescribeConfigs.
    pub dynamic: bool,
    /// DescribeConfigs of all names leaves it out: one of Kafka's internal keys, or one of our own.
    pub hidden: bool,
    /// What setting it does here.
    pub effect: Effect,
    /// One sentence for people.
    pub doc: &'static str,
    /// For a topic key: the broker keys it falls back to, in order.
    pub synonyms: &'static [Synonym],
}

impl ConfigKey {
    /// Whether the value must never be shown.
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.kind, ConfigType::Password)
    }

    /// Whether Kafka has no such key.
    pub fn is_our_own(&self) -> bool {
        self.name.starts_with("thalweg.")
    }

    const fn new(name: &'static str, kind: ConfigType) -> ConfigKey {
        ConfigKey {
            name,
            scope: Scope::Broker,
            kind,
            default: None,
            valid: Valid::Any,
            dynamic: false,
            hidden: false,
            effect: Effect::Works,
            doc: "",
            synonyms: &[],
        }
    }

    pub(super) const fn default(mut self, text: &'static str) -> ConfigKey {
        self.default = Some(text);
        self
    }

    pub(super) const fn valid(mut self, valid: Valid) -> ConfigKey {
        self.valid = valid;
        self
    }

    pub(super) const fn at_least(self, low: i64) -> ConfigKey {
        self.valid(Valid::AtLeast(low))
    }

    pub(super) const fn between(self, low: i64, high: i64) -> ConfigKey {
        self.valid(Valid::Between(low, high))
    }

    pub(super) const fn dynamic(mut self) -> ConfigKey {
        self.dynamic = true;
        self
    }

    pub(super) const fn hidden(mut self) -> ConfigKey {
        self.hidden = true;
        self
    }

    /// A topic key, which falls back to `synonyms`. Topic keys can all be changed at run time.
    pub(super) const fn topic(mut self, synonyms: &'static [Synonym]) -> ConfigKey {
        self.scope = Scope::Topic;
        self.dynamic = true;
        self.synonyms = synonyms;
        self
    }

    pub(super) const fn works(mut self, doc: &'static str) -> ConfigKey {
        self.doc = doc;
        self
    }

    pub(super) const fn without_effect(mut self, why: &'static str, doc: &'static str) -> ConfigKey {
        self.effect = Effect::None(why);
        self.works(doc)
    }

    pub(super) const fn later(mut self, what: &'static str, doc: &'static str) -> ConfigKey {
        self.effect = Effect::Later(what);
        self.works(doc)
    }

    pub(super) const fn refused(mut self, why: &'static str, doc: &'static str) -> ConfigKey {
        self.effect = Effect::Refused(why);
        self.works(doc)
    }
}

macro_rules! start_of_a_line {
    ($($function:ident $kind:ident),*) => {
        $(pub(super) const fn $function(name: &'static str) -> ConfigKey {
            ConfigKey::new(name, ConfigType::$kind)
        })*
    };
}

start_of_a_line! {
    boolean Boolean, string String, int Int, short Short, long Long, double Double, list List, class Class,
    password Password
}

/// The broker key `name`, in the same unit.
pub(super) const fn same(name: &'static str) -> Synonym {
    Synonym { name, scale: 1 }
}

/// The broker key `name`, in minutes where the topic key is in milliseconds.
pub(super) const fn minutes(name: &'static str) -> Synonym {
    Synonym { name, scale: 60_000 }
}

/// The broker key `name`, in hours where the topic key is in milliseconds.
pub(super) const fn hours(name: &'static str) -> Synonym {
    Synonym { name, scale: 3_600_000 }
}
