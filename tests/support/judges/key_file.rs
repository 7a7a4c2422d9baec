//! The file of API keys: taken as a whole and for good, or refused with all its faults.

use orchestrator::auth::{ApiKeys, KeyFile};

use super::assert_no_secret;

pub(crate) fn judge(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match KeyFile::read(&text) {
        Ok(file) => {
            assert!(ApiKeys::new(&file).is_ok(), "{text}");
            let written = serde_json::to_string(&file).unwrap();
            let again = KeyFile::read(&written).unwrap();
            assert_eq!(serde_json::to_string(&again).unwrap(), written, "{text}");
        }
        Err(faults) => {
            assert!(!faults.0.is_empty(), "{text}");
            assert_no_secret(&faults.to_string());
        }
    }
}
