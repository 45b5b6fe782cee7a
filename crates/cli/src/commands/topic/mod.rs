//! `thalweg topic`.

mod alter;
mod create;
mod delete;
mod describe;
mod list;

use clap::{Args, Subcommand};

/// Create, look at, change and delete topics.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thalweg topic create orders -p 12 -c retention.ms=86400000
  thalweg topic list
  thalweg topic describe orders
  thalweg topic alter orders -p 24
  thalweg topic delete orders")]
pub struct Topic {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Create(create::Create),
    List(list::List),
    Describe(describe::Describe),
    Alter(alter::Alter),
    Delete(delete::Delete),
}

/// Does what was asked for.
pub fn run(topic: &Topic) -> anyhow::Result<()> {
    let asked = async {
        match &topic.what {
            What::Create(create) => create.run().await,
            What::List(list) => list.run().await,
            What::Describe(describe) => Box::pin(describe.run()).await,
            What::Alter(alter) => alter.run().await,
            What::Delete(delete) => delete.run().await,
        }
    };
    runtime::task::run(1, asked)?
}

/// Reads `KEY=VALUE`.
fn parse_config(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a config is KEY=VALUE, such as retention.ms=86400000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_config;

    #[test]
    fn a_config_has_a_key_and_a_value_that_may_be_empty_or_have_more_of_the_same() {
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(parse_config("a=b=c"), pair("a", "b=c"));
        assert_eq!(parse_config("a="), pair("a", ""));
        assert!(parse_config("a").is_err() && parse_config("=b").is_err());
    }
}
