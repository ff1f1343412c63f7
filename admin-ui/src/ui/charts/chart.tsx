import { BarChart, PieChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import { formatAmount, formatCompact } from '../../lib/format';

echarts.use([BarChart, PieChart, GridComponent, TooltipComponent, LegendComponent, AriaComponent, SVGRenderer]);

const COLOURS = ['#2456d6', '#18794e', '#b8590a', '#6a4fc4', '#0e7490', '#b0306a', '#7a6a10', '#5a6475'];
const TEXT = '#5a6475';

export type Point = { label: string; value: string };
type Props = { kind: 'bar' | 'pie'; name: string; points: Point[] };

/** A bar or pie chart. The exact amounts stand in the table beside it; axis marks are rounded. */
export default function Chart({ kind, name, points }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const language = document.documentElement.lang;
  useEffect(() => {
    if (!box.current || !language) return;
    const chart = echarts.init(box.current, undefined, { renderer: 'svg' });
    chart.setOption(kind === 'bar' ? bars(points) : slices(points, box.current.clientWidth));
    const watch = new ResizeObserver(() => chart.resize());
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      chart.dispose();
    };
  }, [kind, points, language]);
  return <div ref={box} className="chart" role="img" aria-label={name} />;
}

const still = window.matchMedia?.('(prefers-reduced-motion: reduce)').matches ?? false;
const base = {
  animation: !still,
  animationDuration: 250,
  color: COLOURS,
  textStyle: { fontFamily: 'inherit', color: TEXT, fontSize: 12 },
};
const tooltip = {
  borderColor: '#d5dae3',
  borderWidth: 1,
  padding: [6, 10],
  textStyle: { color: '#1c2330', fontSize: 12 },
  renderMode: 'richText' as const, // no HTML from data
};

function bars(points: Point[]): echarts.EChartsCoreOption {
  return {
    ...base,
    grid: { left: 8, right: 8, top: 16, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    tooltip: {
      ...tooltip,
      trigger: 'item',
      formatter: (at: { dataIndex: number }) =>
        `${points[at.dataIndex]?.label}  ${formatAmount(points[at.dataIndex]?.value)}`,
    },
    xAxis: {
      type: 'category',
      data: points.map((point) => point.label),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: '#d5dae3' } },
      axisLabel: { color: TEXT, interval: 0, hideOverlap: true },
    },
    yAxis: {
      type: 'value',
      splitLine: { lineStyle: { color: '#e7eaf0' } },
      axisLabel: { color: TEXT, formatter: (value: number) => formatCompact(value) },
    },
    series: [
      {
        type: 'bar',
        barMaxWidth: 32,
        itemStyle: { borderRadius: [3, 3, 0, 0] },
        data: points.map((point) => Number(point.value)),
      },
    ],
  };
}

function slices(points: Point[], width: number): echarts.EChartsCoreOption {
  const narrow = width < 420;
  return {
    ...base,
    tooltip: {
      ...tooltip,
      trigger: 'item',
      formatter: (at: { dataIndex: number; percent: number }) =>
        `${points[at.dataIndex]?.label}  ${formatAmount(points[at.dataIndex]?.value)}  ${at.percent}%`,
    },
    legend: {
      type: 'scroll',
      icon: 'roundRect',
      itemWidth: 10,
      itemHeight: 10,
      textStyle: { color: '#1c2330', fontSize: 12 },
      ...(narrow ? { bottom: 0, left: 'center' } : { orient: 'vertical', right: 8, top: 'middle' }),
    },
    series: [
      {
        type: 'pie',
        radius: ['46%', '74%'],
        center: narrow ? ['50%', '42%'] : ['34%', '50%'],
        itemStyle: { borderColor: '#fff', borderWidth: 2 },
        label: { formatter: '{d}%', color: '#1c2330', fontSize: 12 },
        labelLine: { length: 6, length2: 6 },
        data: points.map((point) => ({ name: point.label, value: Number(point.value) })),
      },
    ],
  };
}
