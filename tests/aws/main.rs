//! What the program says to AWS where no service is needed to hear it: signatures, the control plane of OpenSearch, the policies of
//! `tidegate setup aws`, findings out of the GuardDuty API. A server on loopback takes the requests, and judges them by the documentation of AWS.
#![cfg(feature = "aws")]

mod domain;
mod findings;
mod setup;
mod signing;
mod sigv4;
mod stub;
