;; A policy that grows a table by 1,000 elements at a time until it is refused, then returns `null`.
(component
  ;; The types of tollgate:types that a policy's exports name. An exported function may use only exported types.
  (type $violation' (record (field "path" string) (field "message" string)))
  (export $violation "violation" (type $violation'))
  (type $rpc-error' (record (field "code" s64) (field "message" string) (field "data" (option string))))
  (export $rpc-error "rpc-error" (type $rpc-error'))
  (type $limit' (record (field "name" string) (field "value" u64) (field "message" string)))
  (export $limit "limit" (type $limit'))
  (type $tool-result' (record (field "json" string)))
  (export $tool-result "tool-result" (type $tool-result'))
  (type $call-error' (variant
    (case "denied" string) (case "unknown-tool" (list string)) (case "invalid-arguments" (list $violation))
    (case "failed" $tool-result) (case "rejected" $rpc-error) (case "invalid-response" string)
    (case "auth-required" string) (case "unavailable" string) (case "overloaded") (case "too-large" string)
    (case "timed-out" string) (case "rate-limited" (option u64)) (case "budget-exhausted" $limit)
    (case "cancelled") (case "outcome-unknown" string)))
  (export $call-error "call-error" (type $call-error'))
  (type $call-failure' (record
    (field "server" string) (field "tool" string) (field "attempts" u32) (field "elapsed-ms" u64)
    (field "error" $call-error)))
  (export $call-failure "call-failure" (type $call-failure'))
  (type $policy-error' (record
    (field "message" string) (field "code" (option string)) (field "data" (option string))
    (field "caused-by" (option $call-failure))))
  (export $policy-error "policy-error" (type $policy-error'))
  (type $descriptor' (record
    (field "name" string) (field "title" (option string)) (field "description" string)
    (field "input-schema" string) (field "output-schema" (option string)) (field "grants" (list string))))
  (export $descriptor "descriptor" (type $descriptor'))

  (core module $module
    (memory (export "memory") 1)
    ;; The one allocation of a run is its input; it is not read.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
    ;; A descriptor: name, no title, description, input schema, no output schema, no grants.
    (func (export "describe") (result i32) i32.const 64)
    (data (i32.const 64)
      "\20\01\00\00\04\00\00\00"
      "\00\00\00\00\00\00\00\00\00\00\00\00"
      "\20\01\00\00\04\00\00\00"
      "\30\01\00\00\02\00\00\00"
      "\00\00\00\00\00\00\00\00\00\00\00\00"
      "\00\00\00\00\00\00\00\00")
    (data (i32.const 0x120) "evil")
    (data (i32.const 0x130) "{}")
    ;; The output: `ok`, and the text `null`.
    (data (i32.const 128) "\00\00\00\00\00\00\00\00\40\01\00\00\04\00\00\00")
    (data (i32.const 0x140) "null")
    (table $table 0 funcref)
    (func (export "run") (param i32 i32) (result i32)
      (loop $again
        (br_if $again (i32.ne (table.grow $table (ref.null func) (i32.const 1000)) (i32.const -1))))
      i32.const 128)
  )

  (core instance $guest (instantiate $module))
  (func (export "describe") (result $descriptor) (canon lift (core func $guest "describe") (memory $guest "memory")))
  (func (export "run") (param "input" string) (result (result string (error $policy-error)))
    (canon lift (core func $guest "run") (memory $guest "memory") (realloc (func $guest "realloc"))))
)
