;; The smallest backend there is: it answers all calls and imports nothing but types. What the tests put in:
;; MODULE: more of the core module; RUN: what `run` does first.
(component
  (import "easel:backend/types@0.1.0" (instance $types
    (type $j string)
    (export "json" (type $json (eq $j)))
    (type $k (variant (case "invalid") (case "unavailable") (case "out-of-memory") (case "cancelled") (case "failed")
      (case "other" string)))
    (export "failure-kind" (type $kind (eq $k)))
    (type $f (record (field "kind" $kind) (field "message" string) (field "retry-after-ms" (option u64))))
    (export "failure" (type (eq $f)))
    (type $d (record (field "name" string) (field "version" string) (field "summary" string)
      (field "params-schema" $json) (field "config-schema" $json)))
    (export "description" (type (eq $d)))
    (type $e (record (field "summary" string) (field "catalog" $json)))
    (export "engine-info" (type (eq $e)))
    (type $l (record (field "job-id" string) (field "attempt" u32) (field "note" (option string))))
    (export "lost" (type (eq $l)))
  ))
  (import "easel:backend/host@0.1.0" (instance $host (export "attempt" (type (sub resource)))))
  (alias export $types "json" (type $json))
  (alias export $types "failure" (type $failure))
  (alias export $types "description" (type $description))
  (alias export $types "engine-info" (type $engine-info))
  (alias export $types "lost" (type $lost))
  (alias export $host "attempt" (type $attempt))

  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 32768))
    (data (i32.const 1024) "handmade0.1{\"type\": \"object\"}")
    ;; A description: name, version, summary and two schemas, each an address and a length.
    (data (i32.const 64) "\00\04\00\00\08\00\00\00" "\08\04\00\00\03\00\00\00" "\00\04\00\00\08\00\00\00"
      "\0b\04\00\00\12\00\00\00" "\0b\04\00\00\12\00\00\00")
    (func (export "describe") (result i32) (i32.const 64))
    ;; The ok of a result with the text of an object, and with two of them.
    (data (i32.const 136) "\0b\04\00\00\12\00\00\00" "\0b\04\00\00\12\00\00\00")
    (func (export "probe") (result i32) (i32.const 128))
    (func (export "run") (param i32) (result i32)
      RUN
      (i32.const 128))
    ;; The ok of a result with nothing.
    (func (export "settle") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 256))
    (func (export "unload") (result i32) (i32.const 256))
    MODULE
  )
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))

  (func (export "describe") (result $description)
    (canon lift (core func $i "describe") (memory $memory) (realloc $realloc)))
  (func (export "probe") (result (result $engine-info (error $failure)))
    (canon lift (core func $i "probe") (memory $memory) (realloc $realloc)))
  (func (export "run") (param "attempt" (own $attempt)) (result (result $json (error $failure)))
    (canon lift (core func $i "run") (memory $memory) (realloc $realloc)))
  (func (export "settle") (param "lost" (option $lost)) (result (result (error $failure)))
    (canon lift (core func $i "settle") (memory $memory) (realloc $realloc)))
  (func (export "unload") (result (result (error $failure)))
    (canon lift (core func $i "unload") (memory $memory) (realloc $realloc)))
)
