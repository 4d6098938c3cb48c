"""The order of the durable steps, and what follows each verdict.

    probe → captions → screen → decide ─┬─ block ──────────────────────────────────► report
                                        ├─ review ─ encode … package ─► report ┄ person ┄► release
                                        └─ allow, restrict ─ encode … package ─► report + publish

    encode … package: plan → audio → chunks (several at once) → compare (→ look again →
                      decide again, which may block) → joins → proof → package → stills

Each is a step whose answer, a small JSON value, is committed before the next begins. What is large
stays a file in the asset's work folder, and the checkpoint holds its SHA-256. Order, names and
meaning of the steps are a contract: see `framegate.jobs.engine.CONTRACT`.
"""
