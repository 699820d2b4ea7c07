{# Winograd's transforms of tiles of outputs m x m for filters 3 x 3, along one axis. `t` has the points: 0, their pairs
   +p and -p, infinity; values for the pair of p stand side by side. With L > 1 a vector holds one value of L tiles. #}

{# From m + 2 inputs, locals $v_d<i>, to $v_t<i>: what the products with transformed filters are taken of. #}
{% macro transform_inputs(t) %}
{% if t.m == 2 %}
(local.set $v_t0 (V.sub @v_d2 @v_d0))
(local.set $v_t1 (V.add @v_d2 @v_d1))
(local.set $v_t2 (V.sub @v_d2 @v_d1))
(local.set $v_t3 (V.sub @v_d3 @v_d1))
{% else %}
{% set p, q = t.pairs %}
{% set both, sum = vconst(p * p * q * q), vconst(p * p + q * q) %}
(local.set $v_t0 (V.add @v_d4 (V.sub (V.mul @v_d0 {{ both }}) (V.mul @v_d2 {{ sum }}))))
(local.set $v_t5 (V.add @v_d5 (V.sub (V.mul @v_d1 {{ both }}) (V.mul @v_d3 {{ sum }}))))
{% for one, other in [(p, q), (q, p)] %}
{% set square = vconst(other * other) %}
(local.set $v_even (V.sub @v_d4 (V.mul @v_d2 {{ square }})))
(local.set $v_odd (V.mul (V.sub @v_d3 (V.mul @v_d1 {{ square }})) {{ vconst(one) }}))
(local.set $v_t{{ 2 * loop.index0 + 1 }} (V.add @v_even @v_odd))
(local.set $v_t{{ 2 * loop.index0 + 2 }} (V.sub @v_even @v_odd))
{% endfor %}
{% endif %}
{% endmacro %}

{# From m + 2 sums, locals $v_d<i>, to m outputs, $v_t<i>. #}
{% macro transform_outputs(t) %}
(local.set $v_even (V.add @v_d1 @v_d2))
(local.set $v_odd (V.sub @v_d1 @v_d2))
{% if t.m == 2 %}
(local.set $v_t0 (V.add @v_d0 @v_even))
(local.set $v_t1 (V.add @v_odd @v_d3))
{% else %}
{% set p, q = t.pairs %}
(local.set $v_even2 (V.add @v_d3 @v_d4))
(local.set $v_odd2 (V.sub @v_d3 @v_d4))
(local.set $v_t0 (V.add @v_d0 (V.add @v_even @v_even2)))
(local.set $v_t1 (V.add (V.mul @v_odd {{ vconst(p) }}) (V.mul @v_odd2 {{ vconst(q) }})))
(local.set $v_t2 (V.add (V.mul @v_even {{ vconst(p * p) }}) (V.mul @v_even2 {{ vconst(q * q) }})))
(local.set $v_t3 (V.add @v_d5 (V.add (V.mul @v_odd {{ vconst(p ** 3) }}) (V.mul @v_odd2 {{ vconst(q ** 3) }}))))
{% endif %}
{% endmacro %}
