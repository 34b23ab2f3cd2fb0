//! Rows name what jobs made; where that is, whoever shows them says. Rows of schema 6 and before say it, and are shown as they are.

use super::*;
use easel::config::Web;
use easel::events::Hub;
use easel::show::{self, Links, Show};

const ID: &str = "11111111-1111-4111-8111-111111111111";
const JOB: &str = "22222222-2222-4222-8222-222222222222";

/// What a program of schema 6 left of a message whose job is complete, and of the event of its last change.
const ROWS: &str = r#"
    CREATE message:⟨11111111-1111-4111-8111-111111111111⟩ CONTENT {
        "ticket": 1, "conversation_id": "c1", "role": "assistant", "content": "…", "text": "{\"mine\":1.10}",
        "owner": "local", "created_at": 1, "updated_at": 2, "seq": 9, "reporter": "22222222-2222-4222-8222-222222222222",
        "extra_metadata": {
            "job_id": "22222222-2222-4222-8222-222222222222", "status": "complete", "progress": 100, "queue_position": 0, "error": null,
            "artifacts": [{
                "name": "0.txt", "mime": "text/plain", "size": 5, "sha256": "abc", "width": null, "height": null,
                "url": "/v1/jobs/22222222-2222-4222-8222-222222222222/artifacts/0.txt"
            }]
        }
    };
    CREATE event:9 CONTENT {
        "first": 9,
        "list": '[{"seq":9,"at":2,"body":{"type":"message","event":"changed","id":"11111111-1111-4111-8111-111111111111","conversation_id":"c1","owner":"local"}}]',
        "messages": [(SELECT *, record::id(id) AS id FROM ONLY message:⟨11111111-1111-4111-8111-111111111111⟩)]
    };
"#;

/// The message as it has always been shown.
const SHOWN: &str = r#"{"content":"…","conversation_id":"c1","created_at":"1970-01-01T00:00:00.000001Z","extra_metadata":{"artifacts":[{"height":null,"mime":"text/plain","name":"0.txt","sha256":"abc","size":5,"url":"/v1/jobs/22222222-2222-4222-8222-222222222222/artifacts/0.txt","width":null}],"error":null,"job_id":"22222222-2222-4222-8222-222222222222","mine":1.10,"progress":100,"queue_position":0,"status":"complete"},"id":"11111111-1111-4111-8111-111111111111","owner":"local","role":"assistant","seq":9,"updated_at":"1970-01-01T00:00:00.000002Z","user":null}"#;

/// A message as a client reads it, and as the newest event has it.
async fn shown(bench: &Bench, id: MessageId) -> (String, String) {
    let (hub, links) = (Hub::new("L".to_owned(), 0), Links::new(&Web::default()));
    let show = Show { state: &bench.state, hub: &hub, links: &links };
    let logged = bench.store.events(0, 100).await.unwrap();
    let event = show::text(&show::event(logged.last().unwrap(), "L", &links));
    (show::text(&show.message(&bench.store.message(id).await.unwrap().unwrap())), event)
}

suite! {
    a_row_of_a_program_that_wrote_addresses_is_shown_to_the_letter_as_ever: |bench| {
        bench.write(Query::new(ROWS)).await;

        let (message, event) = shown(&bench, MessageId(ID.parse().unwrap())).await;

        assert_eq!(message, SHOWN);
        let expected = format!(
            r#"{{"at":"1970-01-01T00:00:00.000002Z","by":null,"cursor":"L:9","event":"changed","message":{SHOWN},"seq":9,"type":"message"}}"#
        );
        assert_eq!(event, expected);

        bench.state.seq = 9;
        bench.patch(MessageId(ID.parse().unwrap()), json!({"mine": 2})).await;
        let (message, event) = shown(&bench, MessageId(ID.parse().unwrap())).await;
        let artifacts = &SHOWN[SHOWN.find(r#""artifacts""#).unwrap()..SHOWN.find(r#","error""#).unwrap()];
        assert!(message.contains(artifacts) && event.contains(artifacts), "{message} {event}");
    }

    a_row_has_no_address_and_is_shown_with_one: |bench| {
        let id = bench.message(json!({})).await;
        let job = bench.submit(NewJob { id: JobId(JOB.parse().unwrap()), message_id: Some(id), ..new_job() }).await;
        bench.run_one().await;
        bench.patch(id, json!({"mine": 1})).await;

        let row = serde_json::to_string(&bench.store.message(id).await.unwrap()).unwrap();
        let (message, event) = shown(&bench, id).await;

        assert!(row.contains("0.txt") && !row.contains("/v1/"), "{row}");
        let address = format!(r#""url":"/v1/jobs/{}/artifacts/0.txt""#, job.id);
        assert!(message.contains(&address) && event.contains(&address), "{message} {event}");
    }
}
