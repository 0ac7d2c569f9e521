//! Arguments that make no sense.

use crate::served::{run, words};

#[tokio::test]
async fn a_connection_string_in_the_wrong_place_is_repeated_without_its_password() {
    for arguments in [
        "db check mongodb://storex:hunter2@127.0.0.1:1/storex",
        "db copy --from here mongodb://storex:hunter2@127.0.0.1:1/storex",
        "tunnel mongodb://storex:hunter2@127.0.0.1:1/storex",
    ] {
        let refused = run(words(arguments)).await;
        assert_eq!((refused.exit, refused.out.as_str()), (Some(2), ""), "{arguments}");
        assert!(refused.err.contains("mongodb://***@127.0.0.1:1/storex"), "{}", refused.err);
        assert!(!refused.err.contains("hunter2"), "{}", refused.err);
    }
    // The control: what holds no credentials is repeated as it is.
    let refused = run(words("db check hunter2")).await;
    assert!(refused.err.contains("hunter2"), "{}", refused.err);
}
