//! Alert documents and pages: golden examples of every kind, OCSF validation, and hostile text in every fact.

mod golden;
mod hostile;
mod ocsf;
mod scene;
mod truth;
