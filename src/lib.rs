//! The shell of Tidegate: command line, files, drivers of the core.
