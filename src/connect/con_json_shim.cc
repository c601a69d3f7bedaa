/*
 * con_json_shim -- simdjson behind extern "C"; no exception leaves (the build has none).
 */
#include "connect/con_json_shim.h"

#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" bool con_utf8_valid(const char *p, size_t len) {
    return simdjson::validate_utf8(p, len);
}

extern "C" bool con_simdjson_valid(const char *p, size_t len) {
    simdjson::dom::parser parser;
    simdjson::dom::element doc;
    return parser.parse(p, len, true).get(doc) == simdjson::SUCCESS;
}

namespace {

/* The type was asked before, so this cannot fail. */
template <typename T> void get(simdjson::dom::element e, T &out) {
    if (e.get(out) != simdjson::SUCCESS)
        std::abort();
}

void write_string(std::string &out, std::string_view s) {
    out += '"';
    for (char c : s) {
        char hex[8];
        std::snprintf(hex, sizeof hex, "%02x", (unsigned char)c);
        out += hex;
    }
    out += '"';
}

void write_element(std::string &out, simdjson::dom::element e) {
    char num[64];
    switch (e.type()) {
    case simdjson::dom::element_type::ARRAY: {
        simdjson::dom::array a;
        get(e, a);
        out += '[';
        for (simdjson::dom::element x : a) {
            write_element(out, x);
            out += ',';
        }
        out += ']';
        return;
    }
    case simdjson::dom::element_type::OBJECT: {
        simdjson::dom::object o;
        get(e, o);
        out += '{';
        for (simdjson::dom::key_value_pair kv : o) {
            write_string(out, kv.key);
            out += ':';
            write_element(out, kv.value);
            out += ',';
        }
        out += '}';
        return;
    }
    case simdjson::dom::element_type::INT64: {
        int64_t v = 0;
        get(e, v);
        std::snprintf(num, sizeof num, "%lld", (long long)v);
        out += num;
        return;
    }
    case simdjson::dom::element_type::UINT64: {
        uint64_t v = 0;
        get(e, v);
        std::snprintf(num, sizeof num, "%llu", (unsigned long long)v);
        out += num;
        return;
    }
    case simdjson::dom::element_type::DOUBLE: {
        double v = 0;
        get(e, v);
        std::snprintf(num, sizeof num, "%.17g", v);
        out += num;
        return;
    }
    case simdjson::dom::element_type::STRING: {
        std::string_view s;
        get(e, s);
        write_string(out, s);
        return;
    }
    case simdjson::dom::element_type::BOOL: {
        bool b = false;
        get(e, b);
        out += b ? "true" : "false";
        return;
    }
    case simdjson::dom::element_type::NULL_VALUE: out += "null"; return;
    }
}

} // namespace

extern "C" char *con_simdjson_member(const char *p, size_t len, const char *name) {
    simdjson::dom::parser parser;
    simdjson::dom::element doc;
    simdjson::dom::object o;
    if (parser.parse(p, len, true).get(doc) != simdjson::SUCCESS || doc.get(o) != simdjson::SUCCESS)
        return nullptr;
    bool found = false;
    std::string out;
    for (simdjson::dom::key_value_pair kv : o)
        if (kv.key == name) {
            found = true;
            out.clear();
            write_element(out, kv.value);
        }
    return found ? strdup(out.c_str()) : nullptr;
}
