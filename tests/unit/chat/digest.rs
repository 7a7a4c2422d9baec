//! Digests of requests: they are stored, so they must never change.

use orchestrator::chat::digest;

#[test]
fn a_digest_is_the_hash_of_its_parts_and_their_lengths_in_hexadecimal() {
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let two = "43ee655579de01ca739b3f95c1c2d3f46d353b2c0df818064ea594506cdb2617";

    assert_eq!(digest(&[]), nothing);
    assert_eq!(digest(&["ab", "c"]), two);
    assert_ne!(digest(&["a", "bc"]), two);
}
