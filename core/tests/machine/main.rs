//! The machine as a whole: records through the Intake, entries through Pipelines, effects out. What must be the same however it is
//! driven: processes, restarts, batches, number of Pipelines; and what every run must keep: books, versions, pages.

mod determinism;
mod findings;
mod late;
mod layouts;
mod memory;
mod outbox;
mod pressure;
mod probes;
mod quiet;
mod related;
mod reload;
#[path = "../five_shapes/render.rs"]
#[expect(dead_code, reason = "the five shapes have more to show")]
mod render;
mod sim;
mod support;
mod suppress;
mod throttle;

/// What the renderer of the five shapes gives.
mod read {
    use tidegate_core::event::Form;

    #[expect(dead_code, reason = "the five shapes have more to show")]
    pub(crate) struct Shape {
        pub(crate) name: &'static str,
        pub(crate) form: Form,
        pub(crate) text: String,
    }
}
