/* What the CSI specification says of the values in a reply, beyond what protobuf checks. One table,
 * one row a field; schema_build attaches the rows, the codec asks while it encodes. */
#ifndef LUACSI_CSI_RULES_H
#define LUACSI_CSI_RULES_H

#include "base/err.h"
#include "csi/schema.h"

/* --validate: an invalid reply fails the call, is only logged, or is sent unseen. */
enum rules_mode { RULES_STRICT, RULES_WARN, RULES_OFF };

struct rule {
    const char *message; /* "GetPluginInfoResponse" */
    const char *field;   /* "name" */
    bool required;       /* not absent, not empty, not 0, not the enum value UNKNOWN */
    uint32_t max_bytes;  /* of a string, or of all keys and values of a map; 0: "Size Limits" */
    bool not_negative;   /* for integers */
    bool (*fits)(const char *s, size_t n); /* for strings (for a map: each key); NULL: any fits */
    const char *expected;                  /* what fits wants, in words */
    bool (*value_fits)(const char *s, size_t n); /* for each value of a map; NULL: any fits */
    const char *value_expected;                  /* what value_fits wants, in words */
    int code;            /* status when a required value is missing; 0: STATUS_INTERNAL */
    const char *missing; /* its whole text for the caller; NULL: path and citation */
    const char *section; /* of the specification: "GetPluginInfo" */
};

/* The rule for a field of a reply message; NULL when CSI says nothing, also for requests and for
 * map entries. Strings and maps without a row of their own get the limits of section "Size Limits"
 * (128 bytes, 4 KiB). Looks at parent (pb, name, form), pb, kind and map of field, so these come
 * first. */
const struct rule *rules_find(const struct schema_field *field);

/* Each checks one value against field->rule. They return 0, or -1 with err saying what the rule
 * expects, what came, and where the rule stands ("expected ..., got ... (CSI 1.12.0,
 * GetPluginInfo)"); the caller puts the path in front, except where err->code is not
 * STATUS_INTERNAL: that text is whole. A field without a rule always passes. */

/* For a field that the reply leaves out, and for a list or map with nothing in it. */
int rules_check_absent(const struct schema_field *field, struct err *err);

/* For a string, each string of a list, and each key of a map. */
int rules_check_string(const struct schema_field *field, const char *s, size_t n, struct err *err);

/* For an integer, an enum's number, and the plain value of a wrapper (field: the one that holds
 * it). */
int rules_check_integer(const struct schema_field *field, int64_t value, struct err *err);

/* For a map as a whole; total: bytes of all its keys and values. */
int rules_check_map(const struct schema_field *field, size_t total, struct err *err);

/* For each value of a map. */
int rules_check_map_value(const struct schema_field *field, const char *s, size_t n,
                          struct err *err);

/* Whether there is anything to check of the keys and values of a map with a rule. */
static inline bool rules_of_entries(const struct schema_field *field)
{
    const struct rule *rule = field->rule;
    return rule->fits || rule->value_fits || rule->required;
}

/* For each message; any_set: whether an arm of one of its oneofs is set. Only a oneof that CSI
 * wants set (a capability's type) is missed. */
int rules_check_oneof(const struct schema *message, bool any_set, struct err *err);

#endif
