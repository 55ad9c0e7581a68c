
/*
 * Copyright (C) nginx mesh contributors
 */

/*
 * The App Mesh API v20190125 as a service of the control plane: the table of
 * its 38 operations.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_mesh_appmesh_ops.h"
#include "ngx_mesh_appmesh_shapes.h"


#define URI(path)  "/v20190125" path


static const ngx_mesh_op_t  ngx_mesh_appmesh_ops[] = {

    { "CreateMesh", NGX_HTTP_PUT,
      URI("/meshes"),
      { NULL },
      &ngx_mesh_shape_create_mesh_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_create,
      &ngx_mesh_kinds[NGX_MESH_KIND_MESH] },

    { "DescribeMesh", NGX_HTTP_GET,
      URI("/meshes/{meshName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_describe_mesh_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_describe,
      &ngx_mesh_kinds[NGX_MESH_KIND_MESH] },

    { "UpdateMesh", NGX_HTTP_PUT,
      URI("/meshes/{meshName}"),
      { NULL },
      &ngx_mesh_shape_update_mesh_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_update,
      &ngx_mesh_kinds[NGX_MESH_KIND_MESH] },

    { "DeleteMesh", NGX_HTTP_DELETE,
      URI("/meshes/{meshName}"),
      { NULL },
      &ngx_mesh_shape_delete_mesh_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_delete,
      &ngx_mesh_kinds[NGX_MESH_KIND_MESH] },

    { "ListMeshes", NGX_HTTP_GET,
      URI("/meshes"),
      { "limit", "nextToken", NULL },
      &ngx_mesh_shape_list_meshes_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_list,
      &ngx_mesh_kinds[NGX_MESH_KIND_MESH] },

    { "CreateVirtualNode", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualNodes"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_create_virtual_node_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_create,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_NODE] },

    { "DescribeVirtualNode", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualNodes/{virtualNodeName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_describe_virtual_node_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_describe,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_NODE] },

    { "UpdateVirtualNode", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualNodes/{virtualNodeName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_update_virtual_node_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_update,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_NODE] },

    { "DeleteVirtualNode", NGX_HTTP_DELETE,
      URI("/meshes/{meshName}/virtualNodes/{virtualNodeName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_delete_virtual_node_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_delete,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_NODE] },

    { "ListVirtualNodes", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualNodes"),
      { "limit", "nextToken", "meshOwner", NULL },
      &ngx_mesh_shape_list_virtual_nodes_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_list,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_NODE] },

    { "CreateVirtualRouter", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualRouters"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_create_virtual_router_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_create,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_ROUTER] },

    { "DescribeVirtualRouter", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualRouters/{virtualRouterName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_describe_virtual_router_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_describe,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_ROUTER] },

    { "UpdateVirtualRouter", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualRouters/{virtualRouterName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_update_virtual_router_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_update,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_ROUTER] },

    { "DeleteVirtualRouter", NGX_HTTP_DELETE,
      URI("/meshes/{meshName}/virtualRouters/{virtualRouterName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_delete_virtual_router_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_delete,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_ROUTER] },

    { "ListVirtualRouters", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualRouters"),
      { "limit", "nextToken", "meshOwner", NULL },
      &ngx_mesh_shape_list_virtual_routers_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_list,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_ROUTER] },

    { "CreateRoute", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualRouter/{virtualRouterName}/routes"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_create_route_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_create,
      &ngx_mesh_kinds[NGX_MESH_KIND_ROUTE] },

    { "DescribeRoute", NGX_HTTP_GET,
      URI("/meshes/{meshName}"
          "/virtualRouter/{virtualRouterName}/routes/{routeName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_describe_route_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_describe,
      &ngx_mesh_kinds[NGX_MESH_KIND_ROUTE] },

    { "UpdateRoute", NGX_HTTP_PUT,
      URI("/meshes/{meshName}"
          "/virtualRouter/{virtualRouterName}/routes/{routeName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_update_route_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_update,
      &ngx_mesh_kinds[NGX_MESH_KIND_ROUTE] },

    { "DeleteRoute", NGX_HTTP_DELETE,
      URI("/meshes/{meshName}"
          "/virtualRouter/{virtualRouterName}/routes/{routeName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_delete_route_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_delete,
      &ngx_mesh_kinds[NGX_MESH_KIND_ROUTE] },

    { "ListRoutes", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualRouter/{virtualRouterName}/routes"),
      { "limit", "nextToken", "meshOwner", NULL },
      &ngx_mesh_shape_list_routes_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_list,
      &ngx_mesh_kinds[NGX_MESH_KIND_ROUTE] },

    { "CreateVirtualService", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualServices"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_create_virtual_service_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_create,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_SERVICE] },

    { "DescribeVirtualService", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualServices/{virtualServiceName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_describe_virtual_service_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_describe,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_SERVICE] },

    { "UpdateVirtualService", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualServices/{virtualServiceName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_update_virtual_service_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_update,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_SERVICE] },

    { "DeleteVirtualService", NGX_HTTP_DELETE,
      URI("/meshes/{meshName}/virtualServices/{virtualServiceName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_delete_virtual_service_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_delete,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_SERVICE] },

    { "ListVirtualServices", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualServices"),
      { "limit", "nextToken", "meshOwner", NULL },
      &ngx_mesh_shape_list_virtual_services_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_list,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_SERVICE] },

    { "CreateVirtualGateway", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualGateways"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_create_virtual_gateway_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_create,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_GATEWAY] },

    { "DescribeVirtualGateway", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualGateways/{virtualGatewayName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_describe_virtual_gateway_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_describe,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_GATEWAY] },

    { "UpdateVirtualGateway", NGX_HTTP_PUT,
      URI("/meshes/{meshName}/virtualGateways/{virtualGatewayName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_update_virtual_gateway_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_update,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_GATEWAY] },

    { "DeleteVirtualGateway", NGX_HTTP_DELETE,
      URI("/meshes/{meshName}/virtualGateways/{virtualGatewayName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_delete_virtual_gateway_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_delete,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_GATEWAY] },

    { "ListVirtualGateways", NGX_HTTP_GET,
      URI("/meshes/{meshName}/virtualGateways"),
      { "limit", "nextToken", "meshOwner", NULL },
      &ngx_mesh_shape_list_virtual_gateways_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_list,
      &ngx_mesh_kinds[NGX_MESH_KIND_VIRTUAL_GATEWAY] },

    { "CreateGatewayRoute", NGX_HTTP_PUT,
      URI("/meshes/{meshName}"
          "/virtualGateway/{virtualGatewayName}/gatewayRoutes"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_create_gateway_route_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_create,
      &ngx_mesh_kinds[NGX_MESH_KIND_GATEWAY_ROUTE] },

    { "DescribeGatewayRoute", NGX_HTTP_GET,
      URI("/meshes/{meshName}"
          "/virtualGateway/{virtualGatewayName}"
          "/gatewayRoutes/{gatewayRouteName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_describe_gateway_route_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_describe,
      &ngx_mesh_kinds[NGX_MESH_KIND_GATEWAY_ROUTE] },

    { "UpdateGatewayRoute", NGX_HTTP_PUT,
      URI("/meshes/{meshName}"
          "/virtualGateway/{virtualGatewayName}"
          "/gatewayRoutes/{gatewayRouteName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_update_gateway_route_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_update,
      &ngx_mesh_kinds[NGX_MESH_KIND_GATEWAY_ROUTE] },

    { "DeleteGatewayRoute", NGX_HTTP_DELETE,
      URI("/meshes/{meshName}"
          "/virtualGateway/{virtualGatewayName}"
          "/gatewayRoutes/{gatewayRouteName}"),
      { "meshOwner", NULL },
      &ngx_mesh_shape_delete_gateway_route_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_delete,
      &ngx_mesh_kinds[NGX_MESH_KIND_GATEWAY_ROUTE] },

    { "ListGatewayRoutes", NGX_HTTP_GET,
      URI("/meshes/{meshName}"
          "/virtualGateway/{virtualGatewayName}/gatewayRoutes"),
      { "limit", "nextToken", "meshOwner", NULL },
      &ngx_mesh_shape_list_gateway_routes_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_list,
      &ngx_mesh_kinds[NGX_MESH_KIND_GATEWAY_ROUTE] },

    { "ListTagsForResource", NGX_HTTP_GET,
      URI("/tags"),
      { "resourceArn", "limit", "nextToken", NULL },
      &ngx_mesh_shape_list_tags_for_resource_input, NGX_MESH_MAY_READ,
      ngx_mesh_appmesh_list_tags, NULL },

    { "TagResource", NGX_HTTP_PUT,
      URI("/tag"),
      { "resourceArn", NULL },
      &ngx_mesh_shape_tag_resource_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_tag, NULL },

    { "UntagResource", NGX_HTTP_PUT,
      URI("/untag"),
      { "resourceArn", NULL },
      &ngx_mesh_shape_untag_resource_input, NGX_MESH_MAY_WRITE,
      ngx_mesh_appmesh_untag, NULL },

    { NULL, 0, NULL, { NULL }, NULL, 0, NULL, NULL }
};


static const char  *ngx_mesh_appmesh_scopes[] = {
    "appmesh", "appmesh-preview", NULL
};


const ngx_mesh_service_t  ngx_mesh_service_appmesh = {
    "appmesh",
    ngx_mesh_appmesh_scopes,
    ngx_mesh_appmesh_ops,
    NULL,
    NULL,
    NULL,
    NULL
};
