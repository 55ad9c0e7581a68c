
/*
 * Copyright (C) nginx mesh contributors
 */

/* The directive of mesh{} for the zone of metrics. */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_conf.h"


/* metrics_zone SIZE | off; */

char *
ngx_mesh_conf_metrics_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mesh_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->metrics_size != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        mcf->metrics_size = 0;
        return NGX_CONF_OK;
    }

    return ngx_conf_set_size_slot(cf, cmd, conf);
}
