//! Building conditions: `and` and `or` without needless layers.

use super::Expr;

impl Expr {
    /// All of these; a single one stands for itself.
    #[must_use]
    pub fn all(mut parts: Vec<Expr>) -> Expr {
        if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) }
    }

    /// One of these; a single one stands for itself.
    #[must_use]
    pub fn any(mut parts: Vec<Expr>) -> Expr {
        if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) }
    }

    /// Number of nodes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Expr::And(parts) | Expr::Or(parts) => 1 + parts.iter().map(Expr::size).sum::<usize>(),
            Expr::Not(part) => 1 + part.size(),
            Expr::Field { .. } | Expr::Keyword(_) => 1,
        }
    }
}
