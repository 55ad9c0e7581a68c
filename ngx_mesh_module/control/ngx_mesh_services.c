
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The services of the control plane.  Their URIs do not overlap; one that knows
 * its operations by a header is asked after all those that have URIs.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_mesh_control.h"


const ngx_mesh_service_t  *ngx_mesh_services[] = {
    &ngx_mesh_service_appmesh,
    &ngx_mesh_service_document,
    NULL
};
