#include "app/cli/text_grid.hpp"

#include <algorithm>

namespace khelp::app {
namespace {

constexpr std::size_t gap_width = 2;

}  // namespace

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void text_grid::row(std::vector<cell> cells) {
  rows_.push_back({std::move(cells), ""});
}

void text_grid::line(std::string text) {
  rows_.push_back({{}, std::move(text)});
}

std::size_t text_grid::width() const {
  std::size_t sum = 0;
  for (const std::size_t column : widths())
    sum += column + gap_width;
  return sum - gap_width;
}

void text_grid::narrow(std::size_t column, std::size_t most) {
  for (row_of_cells& row : rows_) {
    if (row.cells.size() <= column || row.cells[column].text.size() <= most)
      continue;
    std::string& text = row.cells[column].text;
    const std::size_t end = most / 2;
    const std::size_t beginning = most - 1 - end;
    text = text.substr(0, beginning) + "…" + text.substr(text.size() - end);
  }
}

void text_grid::drop_last() {
  columns_.pop_back();
  for (row_of_cells& row : rows_) {
    if (row.cells.size() > columns_.size())
      row.cells.pop_back();
  }
  std::erase_if(rows_, [](const row_of_cells& row) {
    return row.line.empty() && std::all_of(row.cells.begin(), row.cells.end(),
                                           [](const cell& one) { return one.text.empty(); });
  });
}

std::vector<std::size_t> text_grid::widths() const {
  std::vector<std::size_t> widest(columns_.size());
  for (const row_of_cells& row : rows_) {
    for (std::size_t i = 0; i < row.cells.size(); ++i)
      widest[i] = std::max(widest[i], characters(row.cells[i].text));
  }
  return widest;
}

text_grid::text_grid(const std::vector<titled_column>& columns) {
  std::vector<cell> titles;
  for (const titled_column& each : columns) {
    columns_.push_back(each.side);
    titles.push_back({each.title, title_style});
  }
  row(std::move(titles));
}

std::string text_grid::render(bool colour) const {
  const std::vector<std::size_t> width = widths();
  std::string text;
  for (const row_of_cells& row : rows_) {
    std::string gap;  // written before the next visible cell, so that no line ends in spaces
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const auto& [content, style] = row.cells[i];
      const std::string padding(width[i] - characters(content), ' ');
      if (columns_[i] == align::right)
        gap += padding;
      if (!content.empty()) {
        text += gap;
        gap.clear();
        text += colour ? fmt::format(style, "{}", content) : content;
      }
      if (columns_[i] == align::left)
        gap += padding;
      gap.append(gap_width, ' ');
    }
    text += row.line;
    text += '\n';
  }
  return text;
}

}  // namespace khelp::app
