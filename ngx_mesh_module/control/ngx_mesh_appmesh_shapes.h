
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The inputs of all operations of the App Mesh API: each a structure of the
 * members in the URI, in the query string and in the body together, under the
 * name it has in the published model.  Constant tables, the same in every
 * process.
 */


#ifndef _NGX_MESH_APPMESH_SHAPES_H_INCLUDED_
#define _NGX_MESH_APPMESH_SHAPES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_shape.h"


extern const ngx_mesh_shape_t   ngx_mesh_shape_create_mesh_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_describe_mesh_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_update_mesh_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_delete_mesh_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_list_meshes_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_create_virtual_node_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_describe_virtual_node_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_update_virtual_node_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_delete_virtual_node_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_list_virtual_nodes_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_create_virtual_router_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_describe_virtual_router_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_update_virtual_router_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_delete_virtual_router_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_list_virtual_routers_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_create_route_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_describe_route_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_update_route_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_delete_route_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_list_routes_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_create_virtual_service_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_describe_virtual_service_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_update_virtual_service_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_delete_virtual_service_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_list_virtual_services_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_create_virtual_gateway_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_describe_virtual_gateway_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_update_virtual_gateway_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_delete_virtual_gateway_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_list_virtual_gateways_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_create_gateway_route_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_describe_gateway_route_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_update_gateway_route_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_delete_gateway_route_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_list_gateway_routes_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_list_tags_for_resource_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_tag_resource_input;
extern const ngx_mesh_shape_t   ngx_mesh_shape_untag_resource_input;

/* all of them, NULL-terminated */
extern const ngx_mesh_shape_t  *ngx_mesh_appmesh_inputs[];

extern const ngx_mesh_shape_t   ngx_mesh_shape_tag_list;


#endif /* _NGX_MESH_APPMESH_SHAPES_H_INCLUDED_ */
