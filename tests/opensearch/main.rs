//! The OpenSearch sink: against a server written here, which can fail in every way of the table, and against a real one
//! (`make opensearch-test`; those tests are ignored elsewhere, and fail where the server is missing).

mod dashboards;
mod faults;
mod injected;
mod lab;
mod mapping;
mod real;
mod real_faults;
mod service;
mod setup;
mod stub;
