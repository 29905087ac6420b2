/// What is measured: rows, each of a section ("1 hook") and a contender ("Boost.Signals2"). The
/// files of limits/, ours/ and peers/ add theirs; promises.py says what must hold.
#pragma once

#include <initializer_list>
#include <vector>

enum class role {
  limit,  ///< the bare mechanism, with no safety
  ours,
  peer,
};

struct row {
  const char* section;  ///< what is done
  const char* name;     ///< who does it
  role is = role::peer;
  const char* remark = "";  ///< what it does not do
  void (*prepare)() = nullptr;
  void (*loop)(long n) = nullptr;  ///< n times; 3 instructions of each are the loop's
  double (*sample)() = nullptr;    ///< or one figure
  const char* unit = "ns";
  bool worst = false;  ///< of the samples the greatest counts, not the median
};

/// Every row, in the order of the link.
std::vector<row>& all_rows();

/// A contender's rows become known by a variable of this type.
struct adds_rows {
  adds_rows(std::initializer_list<std::vector<row>> groups);
};
