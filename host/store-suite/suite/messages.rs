//! What a store must know of messages: how they are merged, who writes to them, how they are read.

use super::*;

suite! {
    a_patch_merges_objects_replaces_arrays_and_scalars_stores_null_and_deletes_nothing: |bench| {
        let id = bench.message(json!({"a": {"b": 1, "c": [1, 2]}, "keep": true})).await;
        let message = bench.patch(id, json!({"a": {"c": [3], "d": null}, "new": {"x": {}}})).await;
        assert_eq!(Value::Object(message.extra_metadata), json!({"a": {"b": 1, "c": [3], "d": null}, "keep": true, "new": {"x": {}}}));
    }

    the_event_of_a_patch_carries_the_message_as_that_patch_left_it: |bench| {
        let id = bench.message(json!({})).await;
        let patch = |extra: Value| Command::PatchMessage { id, content: None, extra_metadata: extra.as_object().cloned() };
        bench.batch(vec![patch(json!({"n": 1})), patch(json!({"n": 2}))]).await;
        let events = bench.store.events(1, 100).await.unwrap();
        let seen: Vec<_> = events.iter().map(|logged| logged.message.as_ref().unwrap().extra_metadata["n"].clone()).collect();
        assert_eq!(seen, [json!(1), json!(2)]);
        assert_eq!(events[1].message, bench.store.message(id).await.unwrap());
    }

    a_job_reports_to_its_message_unless_a_newer_one_does: |bench| {
        let id = bench.message(json!({"mine": 1})).await;
        let old = bench.submit(NewJob { message_id: Some(id), ..new_job() }).await;
        let new = bench.submit(NewJob { message_id: Some(id), ..new_job() }).await;
        bench.batch(vec![cancel(old.id)]).await;
        let seen = bench.store.message(id).await.unwrap().unwrap().extra_metadata;
        assert_eq!((&seen["job_id"], &seen["status"], &seen["mine"]), (&json!(new.id), &json!("queued"), &json!(1)));
        bench.run_one().await;
        let seen = bench.store.message(id).await.unwrap().unwrap().extra_metadata;
        assert_eq!((&seen["status"], &seen["progress"], &seen["queue_position"]), (&json!("complete"), &json!(100), &json!(0)));
    }

    a_conversation_is_read_in_order_and_paged: |bench| {
        for n in 0..3 { bench.message(json!({"n": n})).await; }
        let first = bench.store.conversation(&Viewer::Everything, "c1", 0, 2).await.unwrap();
        assert_eq!(first.iter().map(|message| message.ticket).collect::<Vec<_>>(), [1, 2]);
        let rest = bench.store.conversation(&Viewer::Everything, "c1", 2, 2).await.unwrap();
        assert_eq!(rest.iter().map(|message| message.extra_metadata["n"].clone()).collect::<Vec<_>>(), [json!(2)]);
    }

    a_message_is_deleted: |bench| {
        let id = bench.message(json!({})).await;
        bench.batch(vec![Command::DeleteMessage(id)]).await;
        assert_eq!(bench.store.message(id).await.unwrap(), None);
    }
}
