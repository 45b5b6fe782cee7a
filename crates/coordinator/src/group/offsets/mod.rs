//! How far groups have come: committed, fetched, deleted, and forgotten in time.

mod commit;
mod delete;
mod deleted_topics;
mod expire;
mod fetch;

pub(crate) use deleted_topics::DeletedTopics;
