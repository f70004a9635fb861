//! What each test means, by example.
