//! What a PATCH does to a message: it merges, and never takes anything away.

use crate::harness::api::text;
use crate::harness::{Api, Host};
use serde_json::{Value, json};

async fn message_with(extra_metadata: Value) -> (Host, Api, Value) {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(extra_metadata).await;
    (host, api, message)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_keeps_the_fields_that_it_does_not_name() {
    let (_host, api, message) = message_with(json!({"model": "painter", "client": {"theme": "dark", "zoom": 2}})).await;

    let merged = api.merge(&message, json!({"client": {"zoom": 3}})).await;

    assert_eq!(merged, json!({"model": "painter", "client": {"theme": "dark", "zoom": 3}}));
    assert_eq!(api.metadata(&message).await, merged, "it is what is read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_adds_new_fields_at_every_depth() {
    let (_host, api, message) = message_with(json!({"a": {"b": {"c": 1}}})).await;

    let merged = api.merge(&message, json!({"new": [1], "a": {"new": true, "b": {"new": "x"}}})).await;

    assert_eq!(merged, json!({"new": [1], "a": {"new": true, "b": {"c": 1, "new": "x"}}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_replaces_scalars_and_arrays_and_what_has_another_type() {
    let (_host, api, message) =
        message_with(json!({"n": 1, "list": [1, 2, 3], "object": {"x": 1}, "text": "old"})).await;

    let merged = api.merge(&message, json!({"n": 2, "list": [9], "object": "flat", "text": {"now": "deep"}})).await;

    assert_eq!(merged, json!({"n": 2, "list": [9], "object": "flat", "text": {"now": "deep"}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_one_after_another_add_up() {
    let (_host, api, message) = message_with(json!({})).await;

    api.merge(&message, json!({"first": 1, "shared": {"a": 1}})).await;
    api.merge(&message, json!({"second": 2, "shared": {"b": 2}})).await;
    let merged = api.merge(&message, json!({"third": 3, "shared": {"a": 3}})).await;

    assert_eq!(merged, json!({"first": 1, "second": 2, "third": 3, "shared": {"a": 3, "b": 2}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_null_or_absent_update_changes_nothing_and_a_null_inside_is_stored() {
    let (_host, api, message) = message_with(json!({"kept": 1, "gone": 2})).await;
    let path = format!("/v1/messages/{}", text(&message));

    let null = api.patch(&path, &json!({"extra_metadata": null})).await.expect(200);
    let absent = api.patch(&path, &json!({"content": "new words"})).await.expect(200);
    let inside = api.merge(&message, json!({"gone": null})).await;

    assert_eq!(null["extra_metadata"], json!({"kept": 1, "gone": 2}));
    assert_eq!(absent["extra_metadata"], json!({"kept": 1, "gone": 2}));
    assert_eq!(absent["content"], "new words");
    assert_eq!(inside, json!({"kept": 1, "gone": null}), "null is a value, not a deletion");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_update_changes_nothing() {
    let (_host, api, message) = message_with(json!({"kept": {"deep": 1}})).await;

    let merged = api.merge(&message, json!({})).await;
    let nested = api.merge(&message, json!({"kept": {}})).await;

    assert_eq!(merged, json!({"kept": {"deep": 1}}));
    assert_eq!(nested, json!({"kept": {"deep": 1}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_a_message_survives_a_crash() {
    let mut host = Host::start().await;
    let api = host.api();
    let id = uuid::Uuid::now_v7().to_string();
    let written = json!({
        "id": id, "conversation_id": "c7", "role": "user", "content": "Ein Fuchs 🦊\nand \"quotes\"",
        "extra_metadata": {"int": 1, "float": 0.5, "text": "é", "list": [1, {"x": null}], "null": null, "big": 9007199254740991_i64},
    });
    let created = api.post("/v1/messages", &written).await.expect(201);

    host.kill().await;
    host.start_again().await;
    let read = host.api().get(&format!("/v1/messages/{id}")).await.expect(200);

    assert_eq!(read, created, "it reads as it was acknowledged");
    for field in ["id", "conversation_id", "role", "content", "extra_metadata"] {
        assert_eq!(read[field], written[field]);
    }
    for field in ["owner", "created_at", "updated_at", "seq"] {
        assert!(!read[field].is_null(), "{field}: {read:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_series_of_merges_ends_as_if_done_by_hand() {
    let (_host, api, message) = message_with(json!({"ui": {"open": true}})).await;

    api.merge(&message, json!({"image": {"seed": 1, "size": {"w": 512, "h": 512}}})).await;
    api.merge(&message, json!({"image": {"seed": 2, "tags": ["a", "b"]}})).await;
    api.merge(&message, json!({"ui": {"open": false, "panel": null}})).await;
    api.merge(&message, json!({"image": {"size": {"w": 1024}, "tags": ["c"]}})).await;
    api.patch(&format!("/v1/messages/{}", text(&message)), &json!({"extra_metadata": null})).await.expect(200);

    let expected = json!({
        "ui": {"open": false, "panel": null},
        "image": {"seed": 2, "size": {"w": 1024, "h": 512}, "tags": ["c"]},
    });
    assert_eq!(api.metadata(&message).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_merge_ever_deletes_a_field() {
    let (_host, api, message) = message_with(json!({"a": 1, "b": {"c": 2, "d": {"e": 3}}})).await;
    let updates = [
        json!({}),
        json!({"a": null}),
        json!({"b": {}}),
        json!({"b": {"d": {}}}),
        json!({"b": {"c": null}}),
        json!({"x": 1}),
    ];

    for update in updates {
        let merged = api.merge(&message, update.clone()).await;

        let object = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        for (inside, fields) in
            [(&merged, vec!["a", "b"]), (&merged["b"], vec!["c", "d"]), (&merged["b"]["d"], vec!["e"])]
        {
            let there = object(inside);
            assert!(fields.iter().all(|field| there.iter().any(|name| name == field)), "after {update}: {merged}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_need_not_be_nested_nor_be_there_at_all() {
    let host = Host::start().await;
    let api = host.api();
    let bare = json!({"conversation_id": "c1", "role": "user", "content": "hello"});
    let message = api.post("/v1/messages", &bare).await.expect(201)["id"].clone();

    let flat = api.merge(&message, json!({"flat": 1})).await;
    let deep = api.merge(&message, json!({"deep": {"er": 2}})).await;

    assert_eq!(flat, json!({"flat": 1}));
    assert_eq!(deep, json!({"flat": 1, "deep": {"er": 2}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_update_is_rolled_back_whole() {
    let (_host, api, message) = message_with(json!({"kept": 1})).await;
    let path = format!("/v1/messages/{}", text(&message));
    let before = api.get(&path).await.expect(200);

    for key in ["job_id", "status", "progress", "queue_position", "error", "artifacts"] {
        let update = json!({"content": "changed", "extra_metadata": {"kept": 2, key: "mine"}});
        let problem = api.patch(&path, &update).await.problem(&[422]);
        assert!(problem["field"].as_str().is_some_and(|field| field.contains(key)), "{problem}");
    }

    assert_eq!(api.get(&path).await.expect(200), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_created_once_and_can_be_deleted() {
    let (_host, api, message) = message_with(json!({})).await;
    let path = format!("/v1/messages/{}", text(&message));
    let again = json!({"id": message, "conversation_id": "c1", "role": "user", "content": "other"});

    api.post("/v1/messages", &again).await.problem(&[409]);
    assert_eq!(api.get(&path).await.expect(200)["content"], "…", "the first one stands");
    let deleted = api.delete(&path).await;

    assert!([200, 204].contains(&deleted.status), "{deleted}");
    api.get(&path).await.problem(&[404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_writes_into_its_message_cannot_be_patched() {
    let host = Host::start().await;
    let api = host.api();
    let message = api.message(json!({"kept": 1})).await;
    let path = format!("/v1/messages/{}", text(&message));

    for key in ["job_id", "status", "progress", "queue_position", "error", "artifacts"] {
        let problem = api.patch(&path, &json!({"extra_metadata": {key: 1, "mine": 2}})).await.problem(&[422]);
        assert_eq!(problem["field"], format!("extra_metadata.{key}"));
    }

    assert_eq!(api.metadata(&message).await, json!({"kept": 1}), "nothing of a refused patch is written");
}
