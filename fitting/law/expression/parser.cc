// SPDX-License-Identifier: Apache-2.0
#include "fitting/law/expression/parser.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/status_macros.h"
#include "fitting/law/expression/lexer.h"
#include "fitting/law/expression/limits.h"
#include "fitting/law/expression/suggest.h"

namespace sextant::fitting::expression {
namespace {

struct Function {
  const char* name;
  std::size_t least, most;  // arguments
};

constexpr Function kFunctions[] = {{"exp", 1, 1},
                                   {"log", 1, 1},
                                   {"sqrt", 1, 1},
                                   {"pow", 2, 2},
                                   {"min", 2, kMaxArguments},
                                   {"max", 2, kMaxArguments},
                                   {"logsumexp", 1, kMaxArguments}};

const Function* FindFunction(const std::string& name) {
  for (const Function& function : kFunctions) {
    if (name == function.name) return &function;
  }
  return nullptr;
}

// A recursive-descent parser. The first error is kept and everything unwinds; depth is bounded by kMaxDepth.
class Parser {
 public:
  Parser(std::vector<Token> tokens, const Names& names, Graph& graph)
      : tokens_(std::move(tokens)), names_(names), graph_(graph) {}

  absl::StatusOr<NodeId> Run() {
    const NodeId result = Sum();
    if (error_.ok() && Here().kind != TokenKind::kEnd) {
      Fail(Here().column, Here().text == ")"
                              ? "')' without '('"
                              : "unexpected " + Describe(Here()) + "; an operator is missing before it");
    }
    if (!error_.ok()) return error_;
    return result;
  }

 private:
  // Counts nesting for as long as it lives.
  struct Depth {
    explicit Depth(Parser& owner) : parser(owner) {
      if (++parser.depth_ > kMaxDepth) {
        parser.Fail(parser.Here().column, "nested deeper than " + std::to_string(kMaxDepth) + " levels");
      }
    }
    ~Depth() { --parser.depth_; }
    Parser& parser;
  };

  const Token& Here() const { return tokens_[at_]; }

  void Fail(std::size_t column, const std::string& message) {
    if (error_.ok()) error_ = ErrorAt(column, message);
  }

  static std::string Describe(const Token& token) {
    return token.kind == TokenKind::kEnd ? "end of the expression" : "'" + token.text + "'";
  }

  bool Take(const char* symbol) {
    if (Here().kind != TokenKind::kSymbol || Here().text != symbol) return false;
    ++at_;
    return true;
  }

  NodeId Counted(NodeId node) {
    if (++parsed_ > kMaxParsedNodes) {
      Fail(Here().column, "more than " + std::to_string(kMaxParsedNodes) + " operations");
    }
    return node;
  }

  NodeId Sum() {
    Depth depth(*this);
    NodeId left = Product();
    while (error_.ok()) {
      if (Take("+")) {
        const NodeId right = Product();
        left = Counted(graph_.Add(left, right));
      } else if (Take("-")) {
        const NodeId right = Product();
        left = Counted(graph_.Subtract(left, right));
      } else {
        break;
      }
    }
    return left;
  }

  NodeId Product() {
    NodeId left = Unary();
    while (error_.ok()) {
      if (Take("*")) {
        const NodeId right = Unary();
        left = Counted(graph_.Multiply(left, right));
      } else if (Take("/")) {
        const std::size_t column = Here().column;
        const NodeId right = Unary();
        if (error_.ok() && graph_.IsConstant(right, 0)) Fail(column, "division by zero");
        left = Counted(graph_.Divide(left, right));
      } else {
        break;
      }
    }
    return left;
  }

  NodeId Unary() {
    Depth depth(*this);
    if (!error_.ok()) return 0;
    if (Take("-")) return Counted(graph_.Negate(Unary()));
    if (Take("+")) return Unary();
    const NodeId base = Primary();
    if (!error_.ok() || !Take("^")) return base;
    const NodeId exponent = Unary();
    return Counted(graph_.Power(base, exponent));
  }

  NodeId Primary() {
    if (!error_.ok()) return 0;
    const Token token = Here();
    if (token.kind == TokenKind::kNumber) {
      ++at_;
      return Counted(graph_.Constant(token.number));
    }
    if (token.kind == TokenKind::kName) {
      ++at_;
      return Here().kind == TokenKind::kSymbol && Here().text == "(" ? Call(token) : Name(token);
    }
    if (Take("(")) {
      const NodeId inside = Sum();
      Close(token);
      return inside;
    }
    Fail(token.column, "expected a number, a name or '(' but found " + Describe(token));
    return 0;
  }

  void Close(const Token& opened) {
    if (error_.ok() && !Take(")")) {
      Fail(Here().column, "expected ')' to close column " + std::to_string(opened.column) + " but found " +
                              Describe(Here()));
    }
  }

  NodeId Name(const Token& token) {
    auto find = [&](const std::vector<std::string>& names) {
      return static_cast<std::size_t>(std::find(names.begin(), names.end(), token.text) - names.begin());
    };
    if (std::size_t v = find(names_.variables); v < names_.variables.size()) {
      return Counted(graph_.Variable(static_cast<std::uint32_t>(v)));
    }
    if (std::size_t p = find(names_.parameters); p < names_.parameters.size()) {
      return Counted(graph_.Parameter(static_cast<std::uint32_t>(p)));
    }
    if (FindFunction(token.text) != nullptr) {
      Fail(token.column, "function '" + token.text + "' needs its arguments in parentheses");
      return 0;
    }
    std::vector<std::string> known = names_.variables;
    known.insert(known.end(), names_.parameters.begin(), names_.parameters.end());
    std::string message = "unknown name '" + token.text + "'" + DidYouMean(token.text, known);
    message += "; declared are";
    for (const std::string& name : known) message += " " + name;
    Fail(token.column, known.empty() ? "unknown name '" + token.text + "'; no names are declared" : message);
    return 0;
  }

  NodeId Call(const Token& name) {
    const Function* function = FindFunction(name.text);
    if (function == nullptr) {
      std::vector<std::string> known;
      for (const Function& f : kFunctions) known.emplace_back(f.name);
      std::string hint = name.text == "ln" ? "; the natural logarithm is log" : DidYouMean(name.text, known);
      const bool declared =
          std::find(names_.variables.begin(), names_.variables.end(), name.text) != names_.variables.end() ||
          std::find(names_.parameters.begin(), names_.parameters.end(), name.text) != names_.parameters.end();
      if (declared) hint = "; write * for a product";
      Fail(name.column, "unknown function '" + name.text + "'" + hint);
      return 0;
    }
    const Token opened = Here();
    ++at_;
    std::vector<NodeId> arguments;
    do {
      arguments.push_back(Sum());
      if (arguments.size() > kMaxArguments) {
        Fail(Here().column, "more than " + std::to_string(kMaxArguments) + " arguments");
      }
    } while (error_.ok() && Take(","));
    Close(opened);
    if (!error_.ok()) return 0;
    if (arguments.size() < function->least || arguments.size() > function->most) {
      const std::string wanted = function->least == function->most
                                     ? std::to_string(function->least)
                                     : std::to_string(function->least) + " or more";
      Fail(name.column,
           "'" + name.text + "' takes " + wanted + " arguments, not " + std::to_string(arguments.size()));
      return 0;
    }
    return Counted(Build(name.text, arguments));
  }

  NodeId Build(const std::string& function, const std::vector<NodeId>& arguments) {
    const NodeId first = arguments.front();
    if (function == "exp") return graph_.Exp(first);
    if (function == "log") return graph_.Log(first);
    if (function == "sqrt") return graph_.Sqrt(first);
    if (function == "pow") return graph_.Power(first, arguments[1]);
    if (function == "logsumexp") return graph_.LogSumExp(arguments);
    NodeId result = first;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      result = function == "min" ? graph_.Min(result, arguments[i]) : graph_.Max(result, arguments[i]);
    }
    return result;
  }

  std::vector<Token> tokens_;
  const Names& names_;
  Graph& graph_;
  std::size_t at_ = 0, depth_ = 0, parsed_ = 0;
  absl::Status error_;
};

}  // namespace

bool IsFunction(const std::string& name) { return FindFunction(name) != nullptr; }

absl::StatusOr<NodeId> Parse(const std::string& text, const Names& names, Graph& graph) {
  ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(text));
  if (tokens.size() == 1) return ErrorAt(1, "the expression is empty");
  absl::StatusOr<NodeId> root = Parser(std::move(tokens), names, graph).Run();
  if (root.ok() && graph.overflowed()) {
    return absl::InvalidArgumentError("expression expands to more than " + std::to_string(kMaxGraphNodes) +
                                      " operations; shorten it");
  }
  return root;
}

}  // namespace sextant::fitting::expression
