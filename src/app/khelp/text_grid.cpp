#include "app/khelp/text_grid.hpp"

#include <algorithm>

namespace khelp::app {

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::vector<std::size_t> text_grid::widths() const {
  std::vector<std::size_t> widest(columns_.size());
  for (const row_of_cells& row : rows_) {
    for (std::size_t i = 0; i < row.cells.size(); ++i)
      widest[i] = std::max(widest[i], characters(row.cells[i].text));
  }
  return widest;
}

std::string text_grid::render(bool colour) const {
  const std::vector<std::size_t> width = widths();
  std::string text;
  for (const row_of_cells& row : rows_) {
    std::string gap;  // written before the next visible cell, so that no line ends in spaces
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const auto& [words, style] = row.cells[i];
      const std::string padding(width[i] - characters(words), ' ');
      if (columns_[i] == align::right)
        gap += padding;
      if (!words.empty()) {
        text += gap;
        gap.clear();
        text += colour ? fmt::format(style, "{}", words) : words;
      }
      if (columns_[i] == align::left)
        gap += padding;
      gap += "  ";
    }
    text += row.line;
    text += '\n';
  }
  return text;
}

}  // namespace khelp::app
