/* Owns the table of what the CSI specification says of reply fields, and the checks that read it.
 * Constant data, no state: any thread. The text of an error is made only when a check fails, so
 * that a value that passes costs a comparison or two. */
#include "csi/rules.h"

#include "base/status.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CITED "(CSI 1.12.0, %s)"

enum {
    LABEL_BYTES = 63,    /* a driver name, and each part of a topology */
    NODE_ID_BYTES = 256, /* also where a reply lists node ids */
    MOUNT_FLAGS_BYTES = 4096,
    SHOWN_BYTES = 40,                                 /* of a value that an error shows */
    SHOWN_TEXT = 4 * SHOWN_BYTES + sizeof("\"\"..."), /* when every byte is escaped */
    ARMS_TEXT = 128,                                  /* names of a oneof's fields */
};

/* ---- shapes ---- */

/* Sets of characters. */
enum { LOWER = 1, UPPER = 2, DIGIT = 4, HYPHEN = 8, DOT = 16, UNDERSCORE = 32, OTHER = 64 };
enum { LOWER_OR_DIGIT = LOWER | DIGIT, ALPHANUMERIC = LOWER_OR_DIGIT | UPPER };

/* The set that a character is in. */
static const uint8_t sets[256] = {
    [0 ... ','] = OTHER,   ['-'] = HYPHEN,        ['.'] = DOT,           ['/'] = OTHER,
    ['0' ... '9'] = DIGIT, [':' ... '@'] = OTHER, ['A' ... 'Z'] = UPPER, ['[' ... '^'] = OTHER,
    ['_'] = UNDERSCORE,    ['`'] = OTHER,         ['a' ... 'z'] = LOWER, ['{' ... 255] = OTHER,
};

static unsigned set_of(char c)
{
    return sets[(unsigned char)c];
}

/* 1 to 63 bytes, of the sets allowed at both ends; in between also of those in inner. */
static bool is_label(const char *s, size_t n, unsigned allowed, unsigned inner)
{
    unsigned found = 0;
    if (n < 1 || n > LABEL_BYTES)
        return false;
    for (size_t i = 0; i < n; i++)
        found |= set_of(s[i]);
    return !(found & ~(allowed | inner)) && !((set_of(s[0]) | set_of(s[n - 1])) & ~allowed);
}

static bool fits_driver_name(const char *s, size_t n)
{
    return is_label(s, n, ALPHANUMERIC, HYPHEN | DOT);
}

/* A topology's value, and the name part of its key. */
static bool fits_segment(const char *s, size_t n)
{
    return is_label(s, n, ALPHANUMERIC, HYPHEN | UNDERSCORE | DOT);
}

/* "name" or "prefix/name". */
static bool fits_segment_key(const char *s, size_t n)
{
    const char *slash = memchr(s, '/', n);
    if (!slash)
        return fits_segment(s, n);
    size_t prefix = (size_t)(slash - s);
    return is_label(s, prefix, LOWER_OR_DIGIT, HYPHEN | DOT) &&
           fits_segment(slash + 1, n - prefix - 1);
}

/* ---- the table ---- */

/* Which field, and the section that says it. */
#define ROW(m, f, s) .message = (m), .field = (f), .section = (s)

/* Fields are required in the sense of struct rule only where 0, false and "" mean that the script
 * forgot them: the specification also demands ready_to_use or total, but their zeros are answers.
 * The order is that of the proto file. */
static const struct rule rules[] = {
    /* Identity */
    {ROW("GetPluginInfoResponse", "name", "GetPluginInfo"), .required = true,
     .max_bytes = LABEL_BYTES, .fits = fits_driver_name,
     .expected = "letters and digits at both ends, these, '-' and '.' in between",
     .code = STATUS_UNAVAILABLE, .missing = "Driver name not configured"},
    {ROW("GetPluginInfoResponse", "vendor_version", "GetPluginInfo"), .required = true,
     .code = STATUS_UNAVAILABLE, .missing = "Driver is missing version"},
    {ROW("PluginCapability.Service", "type", "GetPluginCapabilities"), .required = true},
    {ROW("PluginCapability.VolumeExpansion", "type", "GetPluginCapabilities"), .required = true},

    /* Controller: what volumes and snapshots are made of */
    {ROW("VolumeCapability.MountVolume", "mount_flags", "CreateVolume"),
     /* The specification means all flags together; here each is held to it. */
     .max_bytes = MOUNT_FLAGS_BYTES},
    {ROW("VolumeCapability.AccessMode", "mode", "CreateVolume"), .required = true},
    {ROW("VolumeCapability", "access_mode", "CreateVolume"), .required = true},
    {ROW("VolumeContentSource.SnapshotSource", "snapshot_id", "CreateVolume"), .required = true},
    {ROW("VolumeContentSource.VolumeSource", "volume_id", "CreateVolume"), .required = true},
    {ROW("Topology", "segments", "CreateVolume"), .fits = fits_segment_key,
     .expected = "key [prefix/]name, each part at most 63 bytes, letters and digits at both ends, "
                 "these, '-' and '.' in between; in the name also '_', in the prefix no upper case",
     .value_fits = fits_segment,
     .value_expected = "1 to 63 bytes, letters and digits at both ends, these, '-', '_' and '.' "
                       "in between"},
    {ROW("Volume", "capacity_bytes", "CreateVolume"), .not_negative = true},
    {ROW("Volume", "volume_id", "CreateVolume"), .required = true},
    {ROW("VolumeCondition", "message", "NodeGetVolumeStats"), .required = true},
    {ROW("Snapshot", "size_bytes", "CreateSnapshot"), .not_negative = true},
    {ROW("Snapshot", "snapshot_id", "CreateSnapshot"), .required = true},
    {ROW("Snapshot", "source_volume_id", "CreateSnapshot"), .required = true},
    {ROW("Snapshot", "creation_time", "CreateSnapshot"), .required = true},

    /* Controller: replies */
    {ROW("CreateVolumeResponse", "volume", "CreateVolume"), .required = true},
    {ROW("ValidateVolumeCapabilitiesResponse.Confirmed", "volume_capabilities",
         "ValidateVolumeCapabilities"),
     .required = true},
    {ROW("ListVolumesResponse.VolumeStatus", "published_node_ids", "ListVolumes"),
     .max_bytes = NODE_ID_BYTES},
    {ROW("ListVolumesResponse.Entry", "volume", "ListVolumes"), .required = true},
    {ROW("GetCapacityResponse", "available_capacity", "GetCapacity"), .not_negative = true},
    {ROW("GetCapacityResponse", "maximum_volume_size", "GetCapacity"), .not_negative = true},
    {ROW("GetCapacityResponse", "minimum_volume_size", "GetCapacity"), .not_negative = true},
    {ROW("ControllerServiceCapability.RPC", "type", "ControllerGetCapabilities"), .required = true},
    {ROW("CreateSnapshotResponse", "snapshot", "CreateSnapshot"), .required = true},
    {ROW("ListSnapshotsResponse.Entry", "snapshot", "ListSnapshots"), .required = true},
    {ROW("GetSnapshotResponse", "snapshot", "GetSnapshot"), .required = true},
    {ROW("ControllerExpandVolumeResponse", "capacity_bytes", "ControllerExpandVolume"),
     .required = true, .not_negative = true},
    {ROW("ControllerGetVolumeResponse.VolumeStatus", "published_node_ids", "ControllerGetVolume"),
     .max_bytes = NODE_ID_BYTES},
    {ROW("ControllerGetVolumeResponse", "volume", "ControllerGetVolume"), .required = true},
    {ROW("ControllerGetVolumeResponse", "status", "ControllerGetVolume"), .required = true},

    /* GroupController */
    {ROW("VolumeGroupSnapshot", "group_snapshot_id", "CreateVolumeGroupSnapshot"),
     .required = true},
    {ROW("VolumeGroupSnapshot", "snapshots", "CreateVolumeGroupSnapshot"), .required = true},
    {ROW("VolumeGroupSnapshot", "creation_time", "CreateVolumeGroupSnapshot"), .required = true},
    {ROW("GroupControllerServiceCapability.RPC", "type", "GroupControllerGetCapabilities"),
     .required = true},
    {ROW("CreateVolumeGroupSnapshotResponse", "group_snapshot", "CreateVolumeGroupSnapshot"),
     .required = true},
    {ROW("GetVolumeGroupSnapshotResponse", "group_snapshot", "GetVolumeGroupSnapshot"),
     .required = true},

    /* SnapshotMetadata */
    {ROW("BlockMetadata", "byte_offset", "Metadata Format"), .not_negative = true},
    {ROW("BlockMetadata", "size_bytes", "Metadata Format"), .required = true, .not_negative = true},
    {ROW("GetMetadataAllocatedResponse", "block_metadata_type", "GetMetadataAllocated"),
     .required = true},
    {ROW("GetMetadataAllocatedResponse", "volume_capacity_bytes", "GetMetadataAllocated"),
     .required = true, .not_negative = true},
    {ROW("GetMetadataDeltaResponse", "block_metadata_type", "GetMetadataDelta"), .required = true},
    {ROW("GetMetadataDeltaResponse", "volume_capacity_bytes", "GetMetadataDelta"), .required = true,
     .not_negative = true},

    /* Node */
    {ROW("VolumeUsage", "available", "NodeGetVolumeStats"), .not_negative = true},
    {ROW("VolumeUsage", "total", "NodeGetVolumeStats"), .not_negative = true},
    {ROW("VolumeUsage", "used", "NodeGetVolumeStats"), .not_negative = true},
    {ROW("VolumeUsage", "unit", "NodeGetVolumeStats"), .required = true},
    {ROW("NodeExpandVolumeResponse", "capacity_bytes", "NodeExpandVolume"), .not_negative = true},
    {ROW("NodeServiceCapability.RPC", "type", "NodeGetCapabilities"), .required = true},
    {ROW("NodeGetInfoResponse", "node_id", "NodeGetInfo"), .required = true,
     .max_bytes = NODE_ID_BYTES},
    {ROW("NodeGetInfoResponse", "max_volumes_per_node", "NodeGetInfo"), .not_negative = true},
};

/* What holds for strings and maps whose own row, if any, sets no limit. */
static const struct rule any_string = {.max_bytes = 128, .section = "Size Limits"};
static const struct rule any_map = {.max_bytes = 4096, .section = "Size Limits"};

/* Messages whose oneof must have an arm set. */
static const struct {
    const char *message;
    const char *oneof;
    const char *section;
} required_oneofs[] = {
    {"PluginCapability", "type", "GetPluginCapabilities"},
    {"VolumeCapability", "access_type", "CreateVolume"},
    {"VolumeContentSource", "type", "CreateVolume"},
    {"ControllerServiceCapability", "type", "ControllerGetCapabilities"},
    {"GroupControllerServiceCapability", "type", "GroupControllerGetCapabilities"},
    {"NodeServiceCapability", "type", "NodeGetCapabilities"},
};

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s);
    size_t n_end = strlen(end);
    return n >= n_end && strcmp(s + n - n_end, end) == 0;
}

const struct rule *rules_find(const struct schema_field *field)
{
    const struct schema *parent = field->parent;
    if (strcmp(parent->pb->package_name, "csi.v1") != 0 || parent->form == FORM_MAP_ENTRY ||
        ends_with(parent->name, "Request"))
        return NULL;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strcmp(rules[i].message, parent->name) == 0 &&
            strcmp(rules[i].field, field->pb->name) == 0)
            return &rules[i];
    }
    if (field->map)
        return &any_map;
    return field->kind == KIND_STRING ? &any_string : NULL;
}

/* ---- errors ---- */

/* What a required field wants, in words. */
static const char *needed(const struct schema_field *field)
{
    if (field->repeated)
        return "at least one entry";
    switch (field->kind) {
    case KIND_MESSAGE:
        return field->message->form == FORM_TIMESTAMP ? "RFC 3339 string" : "table";
    case KIND_ENUM:
        return "enum value other than UNKNOWN";
    case KIND_STRING:
    case KIND_BYTES:
        return "non-empty string";
    default:
        return "integer above 0";
    }
}

COLD static int fail_missing(const struct schema_field *field, const char *got, struct err *err)
{
    const struct rule *rule = field->rule;
    int code = rule->code ? rule->code : STATUS_INTERNAL;
    if (rule->missing)
        return err_set(err, code, "%s", rule->missing);
    return err_set(err, code, "expected %s, got %s " CITED, needed(field), got, rule->section);
}

COLD static int fail_size(const struct rule *rule, size_t n, struct err *err)
{
    return err_set(err, STATUS_INTERNAL, "expected at most %" PRIu32 " bytes, got %zu " CITED,
                   rule->max_bytes, n, rule->section);
}

/* Writes the beginning of s in quotes, on one line and as valid UTF-8 whatever s holds. */
static void show(const char *s, size_t n, char text[static SHOWN_TEXT])
{
    size_t shown = n <= SHOWN_BYTES ? n : SHOWN_BYTES;
    if (text_is_utf8(s, n)) {
        while (shown < n && ((unsigned char)s[shown] & 0xc0) == 0x80)
            shown--; /* not within a character */
    }
    bool utf8 = text_is_utf8(s, shown);
    char *at = text;
    *at++ = '"';
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            at += snprintf(at, sizeof("\\xff"), "\\x%02x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            *at++ = '\\';
        *at++ = (char)c;
    }
    *at++ = '"';
    snprintf(at, sizeof("..."), "%s", shown < n ? "..." : "");
}

COLD static int fail_shape(const struct rule *rule, const char *expected, const char *s, size_t n,
                           struct err *err)
{
    char got[SHOWN_TEXT];
    show(s, n, got);
    return err_set(err, STATUS_INTERNAL, "expected %s, got %s " CITED, expected, got,
                   rule->section);
}

/* ---- checks ---- */

int rules_check_absent(const struct schema_field *field, struct err *err)
{
    if (!field->rule || !field->rule->required)
        return 0;
    return fail_missing(field, "nothing", err);
}

int rules_check_string(const struct schema_field *field, const char *s, size_t n, struct err *err)
{
    const struct rule *rule = field->rule;
    if (!rule)
        return 0;
    if (n == 0 && rule->required)
        return fail_missing(field, "\"\"", err);
    if (!field->map) {
        const struct rule *size = rule->max_bytes ? rule : &any_string;
        if (n > size->max_bytes)
            return fail_size(size, n, err);
    }
    if (rule->fits && !rule->fits(s, n))
        return fail_shape(rule, rule->expected, s, n, err);
    return 0;
}

int rules_check_integer(const struct schema_field *field, int64_t value, struct err *err)
{
    const struct rule *rule = field->rule;
    if (!rule)
        return 0;
    if (value == 0 && rule->required)
        return fail_missing(field, field->kind == KIND_ENUM ? "UNKNOWN" : "0", err);
    if (value < 0 && rule->not_negative)
        return err_set(err, STATUS_INTERNAL, "expected %s, got %" PRId64 " " CITED,
                       rule->required ? "integer above 0" : "integer from 0 up", value,
                       rule->section);
    return 0;
}

int rules_check_map(const struct schema_field *field, size_t total, struct err *err)
{
    const struct rule *rule = field->rule;
    if (!rule)
        return 0;
    const struct rule *size = rule->max_bytes ? rule : &any_map;
    return total > size->max_bytes ? fail_size(size, total, err) : 0;
}

int rules_check_map_value(const struct schema_field *field, const char *s, size_t n,
                          struct err *err)
{
    const struct rule *rule = field->rule;
    if (!rule || !rule->value_fits || rule->value_fits(s, n))
        return 0;
    return fail_shape(rule, rule->value_expected, s, n, err);
}

/* The names of the message's oneof fields: "service or volume_expansion". */
static void list_arms(const struct schema *message, char text[static ARMS_TEXT])
{
    size_t at = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < message->n_fields && at < ARMS_TEXT; i++) {
        if (message->fields[i].oneof < 0)
            continue;
        const char *name = message->fields[i].pb->name;
        at += (size_t)snprintf(text + at, ARMS_TEXT - at, "%s%s", at ? " or " : "", name);
    }
}

int rules_check_oneof(const struct schema *message, bool any_set, struct err *err)
{
    if (any_set || strcmp(message->pb->package_name, "csi.v1") != 0)
        return 0;
    for (size_t i = 0; i < sizeof(required_oneofs) / sizeof(required_oneofs[0]); i++) {
        if (strcmp(required_oneofs[i].message, message->name) != 0)
            continue;
        char arms[ARMS_TEXT];
        list_arms(message, arms);
        return err_set(err, STATUS_INTERNAL, "expected %s (%s), got none " CITED,
                       required_oneofs[i].oneof, arms, required_oneofs[i].section);
    }
    return 0;
}
