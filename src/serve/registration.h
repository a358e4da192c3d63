/* Registers the driver with the kubelet, as node-driver-registrar does beside a driver: a socket of
 * its own in the kubelet's plugin directory, DIR/NAME-reg.sock, on which it serves
 * pluginregistration.Registration. Loop thread. */
#ifndef LUACSI_SERVE_REGISTRATION_H
#define LUACSI_SERVE_REGISTRATION_H

#include "base/err.h"
#include "io/iothread.h"
#include "io/loop.h"
#include "serve/scripts.h"
#include "serve/status.h"

struct registration;

struct registration_options {
    const char *kubelet_path; /* of the CSI socket as the kubelet sees it: absolute */
    const char *directory;    /* for the socket: absolute */
    const struct scripts *scripts;
    struct loop *loop;
};

/* Does nothing yet. options and all that it points to are borrowed. NULL and err when memory is
 * short. */
struct registration *registration_new(const struct registration_options *options, struct err *err);

/* From now on: asks the script for the driver's name, and offers it to the kubelet. What goes wrong
 * is logged and tried again. */
void registration_start(struct registration *registration, struct iothread *io);

/* Another script answers: with another name the offer is made anew. Does nothing before
 * registration_start, and after registration_shutdown. */
void registration_renew(struct registration *registration);

/* Fills what it knows. */
void registration_report(const struct registration *registration, struct status_report *report);

/* Takes the offer back; then calls done(data), on the loop: nothing is open any more. Once. */
void registration_shutdown(struct registration *registration, void (*done)(void *data), void *data);

/* After registration_shutdown's done, or before registration_start; and after scripts_stop. NULL is
 * allowed. */
void registration_free(struct registration *registration);

#endif
