/// Cells in aligned columns, for people.
#pragma once

#include <cstddef>
#include <fmt/color.h>
#include <string>
#include <vector>

namespace khelp::app {

enum class align { left, right };

/// How the title of a column looks.
const auto title_style = fmt::text_style(fmt::emphasis::bold);

/// Rows of cells; each column is as wide as its widest cell. Widths count characters, not bytes.
class text_grid {
 public:
  struct cell {
    std::string text;
    fmt::text_style style{};
  };

  struct titled_column {
    const char* title;
    align side = align::right;
  };

  explicit text_grid(std::vector<align> columns) : columns_(std::move(columns)) {}
  /// Columns with titles, which are the first row.
  explicit text_grid(const std::vector<titled_column>& columns);

  /// A row with fewer cells than columns ends early.
  void row(std::vector<cell> cells);
  /// A line across the columns, which widens none.
  void line(std::string text);

  /// How wide the rows are, and a column.
  std::size_t width() const;
  std::size_t width(std::size_t column) const { return widths()[column]; }
  /// Cells of the column, which are ASCII, keep their beginning and their end where they are longer.
  void narrow(std::size_t column, std::size_t most);
  /// Drop the rightmost column, and rows that had words nowhere else.
  void drop_last();

  /// Two spaces between columns, none at the end of a line. Without colour the styles are ignored.
  std::string render(bool colour) const;

 private:
  struct row_of_cells {
    std::vector<cell> cells;
    std::string line;
  };
  std::vector<std::size_t> widths() const;

  std::vector<align> columns_;
  std::vector<row_of_cells> rows_;
};

/// How many characters a UTF-8 string has.
std::size_t characters(const std::string& text);

}  // namespace khelp::app
