//! API keys: what they look like, the file that knows them, and who presents one.

pub(crate) mod api_keys;
pub(crate) mod key_file;
pub(crate) mod key_limits;
pub(crate) mod key_store;
pub(crate) mod key_text;
