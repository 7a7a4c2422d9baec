//! Lists of models as providers write them.

use orchestrator::model::lists;

#[test]
fn a_model_is_found_in_any_shape_of_list() {
    for list in [
        r#"{"object":"list","data":[{"id":"models/other"},{"id":"models/flash","object":"model"}]}"#,
        r#"{"data":[{"id":"flash"}],"has_more":true}"#,
        r#"{"models":[{"name":"models/flash"}]}"#,
        r#"[{"id":"maker/flash"}]"#,
        r#"["flash"]"#,
    ] {
        assert_eq!(lists(list.as_bytes(), "flash"), Some(true), "{list}");
    }
}

#[test]
fn a_whole_list_without_it_lacks_it() {
    for list in [r#"{"data":[{"id":"models/flash-lite"}]}"#, r#"{"models":[{"name":"x"}, 5]}"#] {
        assert_eq!(lists(list.as_bytes(), "flash"), Some(false), "{list}");
    }
}

#[test]
fn what_is_no_list_or_only_a_part_of_one_proves_nothing() {
    for body in [
        "",
        "<html>",
        "{}",
        "null",
        r#"{"data":[]}"#,
        r#"{"data":{"id":"x"}}"#,
        r#"{"data":[{"title":"x"}]}"#,
        r#"{"data":[{"id":"x"}],"has_more":true}"#,
        r#"{"models":[{"name":"x"}],"nextPageToken":"more"}"#,
    ] {
        assert_eq!(lists(body.as_bytes(), "flash"), None, "{body}");
    }
}
