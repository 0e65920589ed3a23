//! Matrix products over slices. Only this module calls the `gemm` crate.
#![allow(unsafe_code, reason = "gemm takes pointers; each call below checks its slices first")]

/// A row-major matrix, or a row-major matrix read as its transpose.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// Makes a matrix `[rows, columns]`, row-major.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "a matrix of {rows} x {columns}");
        Self { values, rows, columns, transposed: false }
    }

    /// Exchanges rows and columns.
    pub fn transposed(self) -> Self {
        let Self { values, rows, columns, transposed } = self;
        Self { values, rows: columns, columns: rows, transposed: !transposed }
    }

    /// Returns the distance in memory to the next row and to the next column.
    fn strides(&self) -> [isize; 2] {
        if self.transposed { [1, self.rows as isize] } else { [self.columns as isize, 1] }
    }
}

/// The effect of a product on its output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// The product replaces the numbers in the output.
    Replace,
    /// The product is added to them.
    Add,
}

/// Computes `out = a * b` or `out += a * b` on the calling thread. `out` is `[a.rows, b.columns]`, row-major.
pub fn matmul(a: Matrix, b: Matrix, out: &mut [f32], store: Store) {
    let (rows, inner, columns) = (a.rows, a.columns, b.columns);
    assert_eq!(inner, b.rows, "inner sizes of a product");
    assert_eq!(out.len(), rows * columns, "a product of {rows} x {columns}");
    let ([a_row, a_column], [b_row, b_column]) = (a.strides(), b.strides());
    let add = store == Store::Add;
    // SAFETY: `Matrix::new` checked that both inputs hold rows x columns values and the strides
    // walk exactly those; `out` holds rows x columns; it is borrowed alone, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            columns as isize,
            add,
            a.values.as_ptr(),
            a_column,
            a_row,
            b.values.as_ptr(),
            b_column,
            b_row,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
